# cmake -DFOLDER=... -DSYMBOL=... -DOUTPUT=... -P: writes a C++ file that holds every migration of FOLDER in
# order, and its schema.sql.
file(GLOB ups ${FOLDER}/*.up.sql)
list(SORT ups)
set(rows "")
foreach(up ${ups})
  get_filename_component(stem ${up} NAME)
  string(REGEX MATCH "^([0-9]+)_(.*)\\.up\\.sql$" _ ${stem})
  set(number ${CMAKE_MATCH_1})
  set(name ${CMAKE_MATCH_2})
  string(REGEX REPLACE "^0+" "" version ${number})
  file(READ ${up} up_text)
  file(READ ${FOLDER}/${number}_${name}.down.sql down_text)
  file(SHA256 ${up} checksum)
  string(APPEND rows
    "    {${version}, \"${name}\", \"${checksum}\",\n     R\"sql(${up_text})sql\",\n     R\"sql(${down_text})sql\"},\n")
endforeach()
file(READ ${FOLDER}/schema.sql schema_text)
file(WRITE ${OUTPUT}.tmp
"#include \"migrations/migrations.h\"

namespace penstock::migrations {
namespace {
constexpr Migration kRows[] = {
${rows}};
}  // namespace

absl::Span<const Migration> ${SYMBOL}() { return kRows; }

const char* ${SYMBOL}Schema() { return R\"sql(${schema_text})sql\"; }

}  // namespace penstock::migrations
")
file(RENAME ${OUTPUT}.tmp ${OUTPUT})
