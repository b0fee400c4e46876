// Every bound in one place. Passing one gives a clear error that names it. Bytes, counts and depths are
// inclusive.
#pragma once

#include <cstdint>

namespace penstock::limits {

// --- Pipeline packages and specs ---
inline constexpr int64_t kPackageBytes = int64_t{32} << 20;           // an uploaded file, KFP's own bound
inline constexpr int64_t kPackageExtractedBytes = int64_t{32} << 20;  // the entry taken out of an archive
inline constexpr int64_t kPackageScannedBytes = int64_t{256} << 20;   // read of an archive to find that entry
inline constexpr int kPackageEntries = 1000;                          // entries looked at in an archive
inline constexpr int kSpecDepth = 100;                                // nesting of YAML or JSON
inline constexpr int64_t kSpecNodes = 1'000'000;  // scalars and collections after aliases are expanded
inline constexpr int64_t kSpecExpandedBytes = int64_t{64} << 20;  // texts in it after aliases are expanded
inline constexpr int kSpecDirectives = 1000;                      // %TAG in YAML
inline constexpr int kSpecDocuments = 16;                         // YAML documents in one file
inline constexpr int kSpecTasks = 20'000;                         // tasks in one pipeline, loops run once
inline constexpr int kSpecRetries = 1000;                         // maxRetryCount of a task
inline constexpr int kSpecNesting = 100;                          // graphs within graphs
inline constexpr int kSpecNameBytes = 1024;       // name of a task, component, input or output
inline constexpr int kSpecOutputNameBytes = 255;  // output of an executor: becomes a file name

// --- Expressions: conditions and selectors of tasks ---
inline constexpr int kExpressionBytes = 64 << 10;
inline constexpr int kExpressionDepth = 100;     // brackets and operators within one another
inline constexpr int kExpressionNodes = 10'000;  // names, literals, operators and calls
inline constexpr int64_t kExpressionCost =
    int64_t{16} << 20;  // of one evaluation: bytes and elements that it looks at or makes, and a step a node
inline constexpr int64_t kExpressionResultBytes = int64_t{4}
                                                  << 20;  // a text that it makes, and what it gives

// --- Requests ---
inline constexpr int kRpcMessageBytes =
    64 << 20;                             // one gRPC message; a package of the size above, as a Struct, fits
inline constexpr int kRpcThreads = 1024;  // calls that run at once; more are RESOURCE_EXHAUSTED
inline constexpr int kNameBytes = 128;    // pipeline, experiment
inline constexpr int kVersionNameBytes = 127;
inline constexpr int kDisplayNameBytes = 1024;
inline constexpr int kNamespaceBytes = 63;
inline constexpr int kIdBytes = 64;
inline constexpr int kDescriptionBytes = 16 << 10;
inline constexpr int kUrlBytes = 2048;
inline constexpr int kServiceAccountBytes = 253;
inline constexpr int kTags = 20;
inline constexpr int kTagRunes = 63;
inline constexpr int64_t kRunParametersBytes = int64_t{4} << 20;  // all run parameters as JSON
inline constexpr int kFilterBytes = 64 << 10;
inline constexpr int kFilterPredicates = 32;
inline constexpr int kFilterValues = 1000;
inline constexpr int kPageTokenBytes = 8 << 10;
inline constexpr int kPageSizeDefault = 20;
inline constexpr int kPageSizeMax = 200;
inline constexpr int64_t kListRowsRead = 10'000;  // rows that a page or its count looks at and may not return
inline constexpr int64_t kListEntriesRead = 50'000;  // the same, where an index has all that is looked at
inline constexpr int64_t kListEntriesCounted = 1'000'000;  // entries of an index that are only counted
inline constexpr int kLogFollowers = 128;  // logs followed at once; each holds a thread of the server

// --- Tasks ---
inline constexpr int kLoopIterations = 100'000;  // of one loop
inline constexpr int kRunTasks = 200'000;        // of one run, each iteration with its tasks
inline constexpr int kLoopTasksOpen = 5'000;  // unfinished tasks of loops in one run; further iterations wait
inline constexpr int64_t kOutputParameterBytes = int64_t{4} << 20;  // one output parameter file
inline constexpr int64_t kExecutorOutputBytes = int64_t{16} << 20;  // executor_output.json of one task
inline constexpr int64_t kArgumentBytes = 128 << 10;                // one argument; Linux's MAX_ARG_STRLEN
inline constexpr int64_t kArgumentsBytes = int64_t{1536} << 10;  // all arguments and environment of one task
inline constexpr int64_t kTaskLogBytes = int64_t{64}
                                         << 20;  // log kept of one attempt unless configured otherwise
inline constexpr int kLogTailBytes = 4 << 10;    // end of a failed attempt's log kept in its record
inline constexpr int64_t kPythonEnvsBytes = int64_t{10}
                                            << 30;  // shared Python environments, unless configured otherwise
inline constexpr int kEnvLastWordsBytes = 2 << 10;  // what pip said last, kept of a failed build

}  // namespace penstock::limits
