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
inline constexpr int64_t kSpecExpandedBytes = int64_t{64} << 20;    // texts in it after aliases are expanded
inline constexpr int kSpecDirectives = 1000;                        // %TAG in YAML
inline constexpr int kSpecDocuments = 16;                           // YAML documents in one file
inline constexpr int kSpecTasks = 20'000;                           // tasks in one pipeline, loops run once
inline constexpr int kSpecRetries = 1000;                           // maxRetryCount of a task
inline constexpr int kSpecNesting = 100;                            // graphs within graphs
inline constexpr int64_t kCachedDocumentBytes = int64_t{32} << 20;  // of all parsed pipelines that are kept
inline constexpr int64_t kCachedDocumentIdleBytes = int64_t{2}
                                                    << 20;  // of one that is kept while little happens
inline constexpr int kSpecNameBytes = 1024;                 // name of a task, component, input or output
inline constexpr int kSpecOutputNameBytes = 255;            // output of an executor: becomes a file name

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
    64 << 20;                            // one gRPC message; a package of the size above, as a Struct, fits
inline constexpr int kRpcThreads = 512;  // calls that run at once; more are RESOURCE_EXHAUSTED
inline constexpr int kGatewayRpcThreads = 1024;  // the same, of the gateway, which makes fewer by itself
inline constexpr int kRpcStreams = 100;          // calls of one connection
inline constexpr int kRpcMetadataBytes = 16 << 10;
inline constexpr int64_t kRpcBufferBytes = int64_t{256} << 20;  // what gRPC may hold for its connections
inline constexpr int64_t kMemoryBytes = int64_t{512}
                                        << 20;  // of server and gateway, unless configured otherwise
inline constexpr int64_t kMemoryBytesMin = int64_t{128} << 20;
inline constexpr int kMemorySeconds = 120;              // that a call waits for its part
inline constexpr int64_t kRequestBytesFree = 16 << 10;  // a smaller request takes none
inline constexpr int64_t kRequestMemoryFactor =
    12;  // what the bytes of a request become while it is worked on
inline constexpr int64_t kAliasMemoryBytes = int64_t{64} << 20;  // a text in which aliases may be expanded
inline constexpr int64_t kAnswerMemoryFactor = 6;  // what the bytes of an answer take until it is sent
inline constexpr int64_t kAnswerMemoryUnknown = int64_t{96}
                                                << 20;  // an answer of which nothing is known before
inline constexpr int64_t kTaskMemoryBytes = 5 << 10;    // of a task of a run that is read
inline constexpr int64_t kRunMemoryFree = 256 << 10;    // a run that needs no more takes none
inline constexpr int kCallsUnasked = 64;  // in work at once without asking whether their callers are there
inline constexpr size_t kAnswerBytesUnsaid = 256 << 10;  // a larger answer is announced with its size
inline constexpr int kNameBytes = 128;                   // pipeline, experiment
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
inline constexpr int kPackageFetches = 16;  // packages fetched at once; each holds a thread of the server
inline constexpr int kPlugins = 16;         // entries of plugins_input; KFP's own bounds
inline constexpr int64_t kPluginBytes = 64 << 10;    // one of them as JSON
inline constexpr int64_t kPluginsBytes = 256 << 10;  // all of them
inline constexpr int kPluginDepth = 10;              // objects and lists within one another in one of them
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
inline constexpr int kWatchers = 128;      // watches of runs and lists at once; likewise
inline constexpr int kApplyRuns = 10'000;  // runs that one ApplyToRuns looks at
inline constexpr int kApplyNamed = 1000;   // of them named in the answer, and failures in it
inline constexpr int kRunRequestDays = 7;  // how long the id of a request is remembered

// --- Recurring runs ---
inline constexpr int kCronBytes = 1024;
inline constexpr int kTimeZoneBytes = 64;
inline constexpr int64_t kScheduleIntervalSeconds = int64_t{100} * 366 * 24 * 3600;
inline constexpr int64_t kScheduleRunsPerHour = 1800;  // that one schedule starts, unless it is forced
inline constexpr int kScheduleConcurrencyMax = 10;     // unfinished runs of one schedule, KFP's own bound
inline constexpr int kScheduleSlotsPerPass = 10'000;   // slots of one schedule that a pass decides
inline constexpr int kScheduleRowsPerPass = 100;  // ticks without a run, each in a row; more share one row
inline constexpr int64_t kScheduleBytesPerPass = int64_t{16}
                                                 << 20;  // parameters and plugins that a pass reads at once
inline constexpr int kScheduleTicksKept = 10'000;   // newest ticks of one schedule; older ones are removed
inline constexpr int kPreviewTicksMax = 1000;       // ticks that a preview lists
inline constexpr int kPreviewCountMax = 1'000'000;  // runs that it counts

// --- Tasks ---
inline constexpr int kLoopIterations = 100'000;  // of one loop
inline constexpr int kRunTasks = 200'000;        // of one run, each iteration with its tasks
inline constexpr int kLoopTasksOpen = 5'000;  // unfinished tasks of loops in one run; further iterations wait
inline constexpr int64_t kOutputParameterBytes = int64_t{4} << 20;  // one output parameter file
inline constexpr int64_t kExecutorOutputBytes = int64_t{16} << 20;  // executor_output.json of one task
inline constexpr int64_t kExecutorInputBytes = int64_t{32} << 20;   // {{$}} of one Python component, as JSON
inline constexpr int64_t kArgumentBytes = 128 << 10;                // one argument; Linux's MAX_ARG_STRLEN
inline constexpr int64_t kArgumentsBytes = int64_t{1536} << 10;  // all arguments and environment of one task
inline constexpr int64_t kTaskLogBytes = int64_t{64}
                                         << 20;  // log kept of one attempt unless configured otherwise
inline constexpr int kLogTailBytes = 4 << 10;    // end of a failed attempt's log kept in its record
inline constexpr int64_t kLogCauseBytes =
    64 << 10;  // end of a failed attempt's log in which its cause is looked for
inline constexpr int64_t kPythonEnvsBytes = int64_t{10}
                                            << 30;  // shared Python environments, unless configured otherwise
inline constexpr int64_t kWarmPythonBytes = int64_t{512} << 20;  // memory, unless configured otherwise
inline constexpr int64_t kContentBytes = int64_t{64}
                                         << 20;  // artifacts of one attempt that are read to be told apart
inline constexpr int kContentEntries = 1000;     // files and folders of an artifact that the cache keeps
inline constexpr int kCacheLookups = 2000;       // tasks that one pass of the engine looks up in the cache
inline constexpr int64_t kCacheAgeSeconds = int64_t{100} * 365 * 86'400;  // an age limit
inline constexpr int kCacheNearest = 16;            // entries that a task which missed is compared with
inline constexpr int kEnvLastWordsBytes = 2 << 10;  // what pip said last, kept of a failed build

// --- Content fetched over HTTP ---
inline constexpr int64_t kFetchBytes = int64_t{64} << 30;  // of one document
inline constexpr int kFetchSeconds = 6 * 60 * 60;          // for all of it
inline constexpr int kFetchConnectSeconds = 30;            // for one connection
inline constexpr int kFetchStallSeconds = 60;              // without one byte
inline constexpr int kFetchRedirects = 10;

// --- Importers, inputs ---
inline constexpr int kInputsKept = 64;        // tasks of a run whose resolved inputs are kept until they end
inline constexpr int kImportsPerPass = 1000;  // tasks that the engine completes itself in one transaction
inline constexpr int kInputNotesBytes = 2 << 10;  // what was found out about the inputs of a failed attempt

// --- What the status of a run tells ---
inline constexpr int kStatusTasks = 5000;           // tasks in one answer; the others are counted
inline constexpr int kStatusNames = 20;             // blocking tasks of one task
inline constexpr int kTaskErrorBytes = 16 << 10;    // of one task or run, with the causes below it
inline constexpr int kEnvPackagesBytes = 64 << 10;  // resolved versions kept of one attempt

}  // namespace penstock::limits
