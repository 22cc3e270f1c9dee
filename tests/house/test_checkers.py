#!/usr/bin/env python3
"""
Goal:   the house rules can fail: a checker that accepts everything proves nothing.
Method: a small tree with one planted breach in a temporary directory, a row of a
        table each; the checker must refuse it and name it, and accept the same tree
        without the breach. Calls are planted in libraries built here, with and
        without link-time optimisation.

test_checkers.py COMPILER
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HOUSE = Path(__file__).resolve().parent
COMPILER = "cc"

SOUND = {
    "bpf/maps.h": "#include <linux/types.h>\n",
    "datapath/frame.h": "#include <stdint.h>\n",
    "datapath/port.h": '#include "datapath/frame.h"\n',
    "datapath/net/net.h": '#include "datapath/port.h"\n',
    "datapath/net/addr.c": '#include "datapath/net/net.h"\n#include <string.h>\n',
    "datapath/wire/wire.c": '#include "datapath/port.h"\n#include <stdlib.h>\n',
    "datapath/xdp/ring.h": "#include <sys/mman.h>\n",
    "datapath/xdp/program.c": '#include "bpf/maps.h"\n#include <bpf/libbpf.h>\n',
    "tcp/tcp.h": '#include "datapath/net/net.h"\n#include "datapath/frame.h"\n',
    "api/headrace/headrace.h": "#include <stddef.h>\n",
    "api/worker.h": "",
    "api/worker.c": '#include "tcp/tcp.h"\n#include "datapath/xdp/ring.h"\n',
    "apps/hello.c": "#include <headrace/headrace.h>\n",
    "bench/echo_server.c": "#include <headrace/headrace.h>\n",
    "bench/micro/echo.c": '#include "tcp/tcp.h"\n',
    "bench/reflector/server.c": '#include "datapath/xdp/ring.h"\n#include "datapath/net/net.h"\n',
    "tests/unit/test_tcp.c": '#include "tcp/tcp.h"\n#include "tests/unit/help.h"\n',
    "tests/unit/help.h": "",
}

# name, file, its text, what the checker must say
INCLUDE_BREACHES = (
    ("datapath looks up", "datapath/frame.c", '#include "tcp/tcp.h"\n', "tcp/tcp.h"),
    ("net looks up", "datapath/net/ip.c", '#include "tcp/tcp.h"\n', "tcp/tcp.h"),
    ("by a relative path", "datapath/net/ip.c", '#include "../../tcp/tcp.h"\n', "tcp/tcp.h"),
    ("in angle brackets", "datapath/frame.c", "#include <tcp/tcp.h>\n", "tcp/tcp.h"),
    ("pure datapath sees the wire", "datapath/slice.c", '#include "datapath/wire/wire.c"\n', "wire.c"),
    ("wire sees AF_XDP", "datapath/wire/link.c", '#include "datapath/xdp/ring.h"\n', "ring.h"),
    ("tcp sees AF_XDP", "tcp/input.c", '#include "datapath/xdp/ring.h"\n', "ring.h"),
    ("tcp sees the port itself", "tcp/input.c", '#include "datapath/port.h"\n', "port.h"),
    ("tcp sees the API", "tcp/input.c", "#include <headrace/headrace.h>\n", "headrace.h"),
    ("tcp reads a clock", "tcp/input.c", "#include <time.h>\n", "<time.h>"),
    ("tcp takes from the heap", "tcp/input.c", "  #  include <stdlib.h>\n", "<stdlib.h>"),
    ("net makes system calls", "datapath/net/ip.c", "#include <unistd.h>\n", "<unistd.h>"),
    ("net formats text", "datapath/net/addr.c", "#include <arpa/inet.h>\n", "<arpa/inet.h>"),
    ("bpf sees datapath", "bpf/headrace.bpf.c", '#include "datapath/frame.h"\n', "frame.h"),
    ("an app sees inside", "apps/hello.c", '#include "api/worker.c"\n', "api/worker.c"),
    ("by the public folder's name", "apps/hello.c", "#include <worker.h>\n", "api/worker.h"),
    ("a missing private header", "apps/hello.c", '#include "api/stack.h"\n', "api/stack.h"),
    ("echo_server sees inside", "bench/echo_server.c", '#include "tcp/tcp.h"\n', "tcp/tcp.h"),
    ("the reflector sees TCP", "bench/reflector/server.c", '#include "tcp/tcp.h"\n', "tcp/tcp.h"),
    ("the public header sees inside", "api/headrace/headrace.h", '#include "tcp/tcp.h"\n', "tcp.h"),
    ("something sees tests", "api/worker.c", '#include "tests/unit/help.h"\n', "help.h"),
    ("a computed include", "tcp/input.c", "#include WHAT_EVER\n", "WHAT_EVER"),
    ("a new top folder", "util/misc.c", "", "in no layer"),
)

SOUND_TCP = "int pure_sum(int);\nint tcp_input(void) { return pure_sum(1); }\n"
SOUND_DATAPATH = "int pure_sum(int);\nint pure_sum(int x) { return x + 1; }\n"
CALL = "void *malloc(unsigned long); void *f(unsigned long n) { return malloc(n); }\n"

# name, text added to tcp, text added to datapath, what the checker must say
CALL_BREACHES = (
    ("tcp calls the heap", CALL, "", "tcp: calls malloc"),
    ("datapath calls the heap", "", CALL, "datapath: calls malloc"),
    ("tcp formats text", "int inet_pton(void); int g(void) { return inet_pton(); }\n",
     "", "tcp: calls inet_pton"),
    ("datapath calls up", "", "int tcp_input(void); int g(void) { return tcp_input(); }\n",
     "datapath: calls tcp_input"),
)


def run(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def plant(root, files):
    for name, text in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def library(folder, name, text, flags):
    source, archive = Path(folder) / f"{name}.c", Path(folder) / f"lib{name}.a"
    source.write_text(text)
    subprocess.run([COMPILER, "-O2", *flags, "-c", "-o", f"{source}.o", source], check=True)
    subprocess.run(["ar", "rcs", archive, f"{source}.o"], check=True)
    return archive


class Layers(unittest.TestCase):
    def test_sound_tree(self):
        with tempfile.TemporaryDirectory() as root:
            plant(root, SOUND)
            status, said = run(HOUSE / "layers", "--root", root)
            self.assertEqual(status, 0, said)

    def test_empty_tree(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(run(HOUSE / "layers", "--root", root)[0], 1)

    def test_includes(self):
        for name, file, text, expected in INCLUDE_BREACHES:
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                plant(root, {**SOUND, file: text})
                status, said = run(HOUSE / "layers", "--root", root)
                self.assertEqual(status, 1, said)
                self.assertIn("1 breaches", said)
                self.assertIn(f"{file}:", said)
                self.assertIn(expected, said)

    def check_calls(self, tcp_text, datapath_text, flags):
        with tempfile.TemporaryDirectory() as root:
            plant(root, SOUND)
            tcp = library(root, "tcp_made", SOUND_TCP + tcp_text, flags)
            datapath = library(root, "datapath_made", SOUND_DATAPATH + datapath_text, flags)
            # The sources of the libraries are no part of the tree that is checked.
            for made in Path(root).glob("*.c"):
                made.unlink()
            return run(HOUSE / "layers", "--root", root, "--compiler", COMPILER,
                       "--tcp", tcp, "--datapath", datapath)

    def test_calls(self):
        for flags in ([], ["-flto"]):
            with self.subTest("sound", flags=flags):
                status, said = self.check_calls("", "", flags)
                self.assertEqual(status, 0, said)
            for name, tcp, datapath, expected in CALL_BREACHES:
                with self.subTest(name, flags=flags):
                    status, said = self.check_calls(tcp, datapath, flags)
                    self.assertEqual(status, 1, said)
                    self.assertIn(expected, said)


class Size(unittest.TestCase):
    # name, file, its text, what the checker must say, or None when it is right
    CASES = (
        ("a long source", "tcp/a.c", "\n" * 501, "tcp/a.c: 501 lines"),
        ("the longest source", "tcp/a.c", "\n" * 500, None),
        ("a long header", "tcp/a.h", "\n" * 201, "tcp/a.h: 201 lines"),
        ("a long function", "tcp/a.c", "int *f(int a,\n       int b)\n{\n" + ";\n" * 69 + "}\n",
         "f() has 71 lines"),
        ("the longest function", "tcp/a.c", "int f(void)\n{\n" + ";\n" * 68 + "}\n", None),
    )

    def test_sizes(self):
        for name, file, text, expected in self.CASES:
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                plant(root, {file: text})
                status, said = run(HOUSE / "size", root)
                self.assertEqual(status, 0 if expected is None else 1, said)
                self.assertIn(expected or "0 too long", said)


class Readme(unittest.TestCase):
    HEAD = "## What works\n\n| what | shown by the test |\n|---|---|\n"
    # name, text, what the checker must say, or None when it is right
    CASES = (
        ("right", HEAD + "| it runs | `unit/test_a` |\n\n[tests](tests/README.md)\n", None),
        ("a test that is not there", HEAD + "| it runs | `unit/test_a`, `unit/test_b` |\n",
         "no test unit/test_b: it runs"),
        ("a claim", HEAD + "| it runs | believe it |\n", "no test shows: it runs"),
        ("a dead link", HEAD + "| it runs | `unit/test_a` |\n\n[tests](tests/README)\n",
         "a link leads nowhere: tests/README"),
        ("nothing", "## What works\n", "there is no table"),
    )

    def test_rows(self):
        for name, text, expected in self.CASES:
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                plant(root, {"CTestTestfile.cmake": "add_test(unit/test_a true)\n", "R.md": text})
                status, said = run(HOUSE / "readme", root, Path(root) / "R.md")
                self.assertEqual(status, 0 if expected is None else 1, said)
                self.assertIn(expected or "0 wrong", said)


class Format(unittest.TestCase):
    def test_format(self):
        style = (HOUSE.parent.parent / ".clang-format").read_text()
        for name, text, status in (("right", "int x;\n", 0), ("wrong", "int   x ;\n", 1)):
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                plant(root, {".clang-format": style, "tcp/a.c": text})
                self.assertEqual(run(HOUSE / "format", root)[0] != 0, status != 0)


class Conformance(unittest.TestCase):
    TABLE = "# A protocol\n2a\tMUST\tIt works\n2b\tMAY\tIt sings\n"
    MARKED = "/* Why.\n * Shows: RFC 7 2a. */\nstatic void f(void **state)\n{\n}\n"
    PROGRAM = ('#!/bin/sh\ncat >"$CMOCKA_XML_FILE" <<END\n<testsuites><testsuite>'
               '<testcase name="f v4">{}</testcase></testsuite></testsuites>\nEND\n')
    PASSES, FAILS = PROGRAM.format(""), PROGRAM.format("<failure>no</failure>")
    # name, what differs from a sound tree, what the generator must say, or None when it is right
    CASES = (
        ("sound", {}, None),
        ("a failing test", {"test_a": FAILS}, "stale in line"),
        ("a test that broke off", {"test_a": "#!/bin/sh\n"}, "test_a broke off"),
        ("a mark less", {"test_a.c": "int x;\n"}, "stale in line"),
        ("a mark of nothing", {"test_a.c": "/* Shows: RFC 7 2a. */\nint x;\n"}, "above no function"),
        ("an unknown label", {"test_a.c": MARKED.replace("2a", "2a, 3")}, "no table has RFC 7 3"),
        ("a label without RFC", {"test_a.c": MARKED.replace("RFC 7 ", "")}, "no requirement: '2a'"),
        ("a function that never ran", {"test_a.c": MARKED.replace("f(", "g(")}, "never run"),
        ("a label twice", {"rfc7.tsv": TABLE + "2a\tMAY\tTwice\n"}, "used twice"),
        ("an unknown level", {"rfc7.tsv": TABLE + "3\tmust\tMore\n"}, "no level 'must'"),
        ("a remark of no kind", {"rfc7.tsv": TABLE + "3\tMAY\tMore\tso: it is\n"}, "without kind"),
        ("a new requirement", {"rfc7.tsv": TABLE + "3\tMAY\tMore\n"}, "stale in line"),
        ("shown, though not applicable",
         {"rfc7.tsv": TABLE.replace("works", "works\tnot applicable: no")}, "'not applicable'"),
    )

    def generate(self, root, different, *flags):
        texts = {"test_a": self.PASSES, "test_a.c": self.MARKED, "rfc7.tsv": self.TABLE, **different}
        plant(root, {"docs/README.md": "", "build/tests/unit/test_a": texts["test_a"],
                     "tests/unit/test_a.c": texts["test_a.c"],
                     "tests/conformance/rfc7.tsv": texts["rfc7.tsv"]})
        (Path(root) / "build/tests/unit/test_a").chmod(0o755)
        return run(HOUSE.parent / "conformance/generate", *flags, "--root", root,
                   Path(root) / "build")

    def test_check(self):
        for name, different, expected in self.CASES:
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                self.assertEqual(self.generate(root, {})[0], 0)
                status, said = self.generate(root, different, "--check")
                self.assertEqual(status, 0 if expected is None else 1, said)
                self.assertIn(expected or "2 requirements, 1 marks", said)

    def test_document(self):
        with tempfile.TemporaryDirectory() as root:
            self.generate(root, {})
            text = (Path(root) / "docs/conformance.md").read_text()
            self.assertIn("| 2a | MUST | It works | `unit/test_a:f` | passes |  |", text)
            self.assertIn("| 2b | MAY | It sings |  | no test yet |  |", text)
            status, said = self.generate(root, {"test_a": self.FAILS})
            self.assertEqual(status, 1, said)
            text = (Path(root) / "docs/conformance.md").read_text()
            self.assertIn("| `unit/test_a:f` | FAILS |", text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        COMPILER = sys.argv.pop(1)
    unittest.main()
