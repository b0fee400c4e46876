# cmake -DTEXT=... -DSYMBOL=... -DHEADER=... -DOUTPUT=... -P: writes a C++ file that defines the constant SYMBOL of HEADER,
# in namespace penstock, as the text of the file TEXT.
file(READ ${TEXT} text)
file(WRITE ${OUTPUT}.tmp
"#include \"${HEADER}\"

namespace penstock {

const char ${SYMBOL}[] = R\"text(${text})text\";

}  // namespace penstock
")
file(RENAME ${OUTPUT}.tmp ${OUTPUT})
