# cmake -DOBJECT=x.o -DNAME=bpf_object_x -DOUTPUT=x.c -P embed.cmake: a file as a C array.
file(READ ${OBJECT} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)"
       "\\1\n" bytes "${bytes}")
# Aligned, because libbpf reads the ELF structures in place.
file(WRITE ${OUTPUT} "#include \"bpf/object.h\"
_Alignas(8) const unsigned char ${NAME}[] = {
${bytes}
};
const size_t ${NAME}_bytes = sizeof ${NAME};
")
