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
inline constexpr int kPackagePinBytes = 512;         // one version that a run pins
inline constexpr int kPackagePinSets = 16;           // sets of them that a task names
inline constexpr int kFilterBytes = 64 << 10;
inline constexpr int kFilterPredicates = 32;
inline constexpr int kFilterValues = 1000;
inline constexpr int kPageTokenBytes = 8 << 10;
inline constexpr int kPageSizeDefault = 20;
inline constexpr int kPageSizeMax = 200;
inline constexpr int64_t kListRowsRead = 10'000;  // rows that a page or its count looks at and may not return
inline constexpr int64_t kListEntriesRead = 50'000;  // the same, where an index has all that is looked at
inline constexpr int64_t kListEntriesCounted = 1'000'000;       // entries of an index that are only counted
inline constexpr int64_t kLogSearchBytes = int64_t{256} << 20;  // of a log that one search reads
inline constexpr int kLogSearchTextBytes = 1'000;               // that is looked for
inline constexpr int kLogSearchLineBytes = 64 << 10;            // of a line that are held at once
inline constexpr int kLogMatchBytes = 500;                      // of a line that was found
inline constexpr int kLogMatches = 1'000;                       // of one search
inline constexpr int kArtifactEntries = 10'000;                 // in a folder that is listed
inline constexpr int kArtifactPathBytes = 4'096;                // of a path in an artifact
inline constexpr int kLogFollowers = 128;  // logs followed at once; each holds a thread of the server
inline constexpr int kWatchers = 2048;     // watches of runs and lists at once
inline constexpr int64_t kWatchedBytes = int64_t{64} << 20;         // what is kept of all that is watched
inline constexpr int64_t kWatcherBacklogBytes = int64_t{64} << 20;  // that one watcher has yet to take
inline constexpr int kWatcherBacklog = 256;                         // messages, likewise
inline constexpr int kApplyRuns = 10'000;                           // runs that one ApplyToRuns looks at
inline constexpr int kApplyNamed = 1000;   // of them named in the answer, and failures in it
inline constexpr int kRunRequestDays = 7;  // how long the id of a request is remembered

// --- Metadata and metrics ---
inline constexpr int kRunMetricSeries = 20'000;  // series of a run with its tasks
inline constexpr int kMetricNameBytes = 250;
inline constexpr int kMetricPoints = 1000;           // of one batch
inline constexpr int kMetricSample = 10'000;         // points of a downsampled series
inline constexpr int kLineageNodes = 10'000;         // artifacts and tasks of one answer
inline constexpr int64_t kMetadataBytes = 64 << 10;  // of one artifact, and of one tag's value
inline constexpr int kMetadataDepth = 32;            // objects and lists within one another in it
inline constexpr int kMetadataKeyBytes = 250;
inline constexpr int kTypedTags = 500;          // of one run, task, artifact or experiment
inline constexpr int kFullRunsPage = 100;       // runs of a page that brings their tasks
inline constexpr int kBulkItems = 1000;         // artifacts, links or tasks of one request, and the like
inline constexpr int kRecordedTasks = 100'000;  // that clients record in one run
inline constexpr int kTaskPods = 1000;          // of one recorded task
inline constexpr int kTaskParameters = 1000;    // of one recorded task
inline constexpr int64_t kTaskRecordBytes = 8 << 20;  // of all that is recorded of one task
inline constexpr size_t kTaskChildren = 1000;         // named in what is told of a task
inline constexpr int kMlmdIds = 250'000;              // of one request to ML Metadata's door
inline constexpr int kMlmdPageSize = 100;             // of its pages
inline constexpr int kMlmdUnpaged = 10'000;  // newest artifacts or executions where no page is asked for
inline constexpr int kMlmdTypes = 1000;      // of artifacts that it tells of
inline constexpr int kMlmdLinks = 10'000;    // of one artifact: events, and runs

// --- MLflow's API. Its own bounds, unless it has none ---
inline constexpr int kMlflowExperimentNameRunes = 500;
inline constexpr int kMlflowKeyRunes = 250;     // of a metric, a parameter and a tag
inline constexpr int kMlflowParamRunes = 6000;  // of a value, as of the next one; longer ones are cut
inline constexpr int kMlflowTagRunes = 8000;
inline constexpr int kMlflowExperimentTagRunes = 20'000;
inline constexpr int kMlflowBatchParams = 100;
inline constexpr int kMlflowBatchTags = 100;
inline constexpr int kMlflowBatchEntities = 1000;  // metrics, parameters and tags together
inline constexpr int kMlflowParams = 10'000;       // of one run, task or model
inline constexpr int kMlflowInputs = 1000;         // data sets or models of one request
inline constexpr int kMlflowDatasetNameRunes = 500;
inline constexpr int kMlflowDatasetDigestRunes = 36;
inline constexpr int kMlflowDatasetSourceRunes = 65'535;
inline constexpr int kMlflowDatasetSchemaRunes = 1'048'575;
inline constexpr int kMlflowDatasetProfileRunes = 16'777'215;
inline constexpr int kMlflowInputTagKeyRunes = 255;
inline constexpr int kMlflowInputTagValueRunes = 500;
inline constexpr int kMlflowDatasetSummaries = 1000;  // in one answer
inline constexpr int kMlflowPage = 50'000;            // results of one search, at most
inline constexpr int kMlflowPageDefault = 1000;
inline constexpr int kMlflowModelPageDefault = 100;
inline constexpr int kMlflowRegistryPage = 1000;
inline constexpr int kMlflowVersionPage = 200'000;
inline constexpr int kMlflowVersionPageDefault = 10'000;
inline constexpr int kMlflowRegistryTagRunes = 100'000;
inline constexpr int kMlflowAliasBytes = 255;
inline constexpr int kMlflowHistoryPage = 25'000;
inline constexpr int kMlflowHistorySorted =
    100'000;                                 // points of a series that are given in the order of their times
inline constexpr int kMlflowBulkRuns = 100;  // whose histories one request asks for
inline constexpr int kMlflowBulkPoints = 2500;  // of each of them, unless it says how many
inline constexpr int64_t kMlflowArtifactBytes = int64_t{64} << 30;  // of one file
inline constexpr int kMlflowArtifactFiles = 100'000;                // files and folders of one list
inline constexpr int kMlflowPathBytes = 2048;

// --- Search ---
inline constexpr int kSearchComparisons = 50;  // of one filter
inline constexpr int kSearchOrders = 10;
inline constexpr int kSearchExperiments = 10'000;  // of one search
inline constexpr int kSearchCandidates = 5000;  // rows that are read and sorted rather than walked in order
inline constexpr int kSearchSorted = 200'000;   // the same, of an order that no index has
inline constexpr int kSearchWalked = 50'000;    // entries of an index that one page looks at

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
inline constexpr int kFoundLogTailBytes = 1000;  // of that, with a run that a search has found
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

// --- Content in object stores ---
inline constexpr int kPipelineRootBytes = 512;  // with what is below it, a key stays below the stores' 1,024
inline constexpr int kStoreCallSeconds = 60;    // that one call about an object may take
inline constexpr size_t kWaitMessageBytes = 1000;              // what a task waits for, in words
inline constexpr int kPods = 10'000;                           // of one server that have not ended
inline constexpr int64_t kPodResultBytes = int64_t{96} << 20;  // what the launcher of a pod tells of its end
inline constexpr int kPodLogSeconds = 60;                      // for reading the log of a pod that will go
inline constexpr int kPlatformRetries = 10;                    // the most that --platform_retries may be
inline constexpr int kSideProgramStartSeconds = 10;            // until a program beside the server answers
inline constexpr int kLaunchResultBytes = 16 << 20;  // what an attempt's launcher tells of its outputs

// --- Content fetched over HTTP ---
inline constexpr int64_t kFetchBytes = int64_t{64} << 30;  // of one document
inline constexpr int kFetchSeconds = 6 * 60 * 60;          // for all of it
inline constexpr int kFetchConnectSeconds = 30;            // for one connection
inline constexpr int kFetchStallSeconds = 60;              // without one byte
inline constexpr int kFetchRedirects = 10;

// --- Importers, inputs ---
inline constexpr int kInputsKept = 64;        // tasks of a run whose resolved inputs are kept until they end
inline constexpr int kImportsPerPass = 1000;  // tasks that the engine completes itself in one transaction

// --- What the status of a run tells ---
inline constexpr int kStatusTasks = 5000;         // tasks in one answer; the others are counted
inline constexpr int kStatusTasksBrief = 50'000;  // likewise, in the brief form
inline constexpr int kStatusLogTails = 20;        // ends of logs in the brief form
inline constexpr int kWatchedTasksFirst = 250;    // of a watched status, in its first message: a screen full
inline constexpr int kWatchedTasksNext = 2500;    // in each of those that bring the rest of what there is
inline constexpr int kStatusNames = 20;           // blocking tasks of one task
inline constexpr int kTaskErrorBytes = 16 << 10;  // of one task or run, with the causes below it
inline constexpr int kEnvPackagesBytes = 64 << 10;  // resolved versions kept of one attempt
inline constexpr int kEnvEntries = 50'000;          // names in its own site-packages that are looked at

// --- What is recorded of attempts ---
inline constexpr int64_t kAttemptTextBytes = int64_t{8} << 20;  // one setup or place as JSON
inline constexpr int kInterpreterPackages = 5000;               // of the interpreter of a place
inline constexpr int kAttemptRecordsPage = 50;                  // attempts with their records in one answer

// --- Comparing runs ---
inline constexpr int kComparedRuns = 20;
inline constexpr int kComparedTasks = 10'000;  // of all runs that are compared; further ones are left out
inline constexpr int kComparisonRows = 5'000;  // of one answer
inline constexpr int64_t kComparisonBytes = int64_t{8} << 20;  // likewise
inline constexpr int kComparisonValueBytes = 4 << 10;  // of a value that is shown; the rest is compared too
inline constexpr int kComparisonKeyBytes = 1 << 10;
inline constexpr int kRerunOutputs = 5'000;  // that the report of a rerun names

// --- What is deleted, and retention ---
inline constexpr int kRemovalEntries = 20'000;      // files and folders that one call removes
inline constexpr int kRemovalsPerPass = 256;        // deleted runs whose content one pass removes
inline constexpr int kRemovalReferences = 100'000;  // rows that name content in one folder that is to go
inline constexpr int kRemovalKeptNamed = 100;       // URIs that a removal kept, in its report
inline constexpr int kRemovalOtherFolders =
    1'000;  // of runs deleted before, whose artifacts a deleted run had
inline constexpr int kRemovalWaitSeconds = 10 * 60;       // for attempts of a deleted run to end
inline constexpr int kRemovalBackoffMaxSeconds = 5 * 60;  // between tries while a store is away
inline constexpr int kRemovalRefusedSeconds = 86'400;     // between tries that a store refuses
inline constexpr int kRemovalRefusals = 30;               // of them, until it is left
inline constexpr int kRemovalReportDays = 30;             // how long a report is kept
inline constexpr int kRemovalReports = 100'000;           // the newest of them that are kept
inline constexpr int kTemporarySeconds = 86'400;  // after which what an attempt or a write left is removed
inline constexpr int kTemporaryEntries = 5'000;   // files and folders that one step looks at
inline constexpr int kRetentionSeconds = 60;      // between two applications of policies
inline constexpr int kRetentionBatch = 100;       // runs that one transaction deletes by a policy
inline constexpr int kRetentionPolicies = 10'000;
inline constexpr int64_t kRetentionMaxRuns = 1'000'000;  // that a policy lets stay by their number
inline constexpr int kRetentionKeepLatest = 1'000;       // of one recurring run
inline constexpr int kRetentionPreviewRuns = 100'000;    // that a preview counts
inline constexpr int kRetentionPreviewNamed = 1'000;     // of them, in its answer
inline constexpr int kCheckNamed = 1'000;                // findings of one kind that `penstock check` names

// --- Runs as files (bundles) ---
inline constexpr int64_t kBundleBytes = int64_t{16} << 30;      // of one, unpacked
inline constexpr int64_t kBundleRowsBytes = int64_t{64} << 20;  // in it, of all but logs and contents
inline constexpr int kBundleMembers = 100'000;
inline constexpr int64_t kBundleMetricPoints = 500'000;           // of all series of the run
inline constexpr int kBundleFolderDepth = 32;                     // folders within one another in an artifact
inline constexpr int64_t kBundleMemoryBytes = int64_t{64} << 20;  // that reading or writing one takes

}  // namespace penstock::limits
