// Package limits holds every bound of the launcher, so that one place tells what it does at most.
package limits

import "time"

// Every bound of the launcher. Sizes are inclusive.
const (
	// --- What is asked of it ---
	KeyBytes        = 1024
	SettingsBytes   = 1 << 20 // of a settings file, and of what it names
	RequestBytes    = 64 << 20
	ReportBytes     = 64 << 20 // of what the kfp executor reports
	FolderVersion   = 1000     // objects of a folder that has a version; the largest page of a listing
	SourceQueueSize = 64       // files that wait for a worker

	// --- Calls of stores ---
	DialTimeout           = 10 * time.Second
	StallTimeout          = 2 * time.Minute // without one byte in either direction; a server-side copy is as silent
	Retries               = 5               // of a call, after the first try
	SilentRetries         = 2               // of a call that the store does not answer
	RetryDelayShortest    = 100 * time.Millisecond
	RetryDelayLongest     = 5 * time.Second
	RetryAfterLongest     = 20 * time.Second       // of what a store may ask for
	MetadataServerTimeout = 800 * time.Millisecond // of a cloud's machine, that has credentials for it
	NoCredentialsTimeout  = 2 * time.Second
	IdleConnections       = 32
	IdleTimeout           = time.Minute
	SocketBufferBytes     = 64 << 10
	DeletedAtOnce         = 1000
	DeleteWorkers         = 16 // where a store deletes one by one
	SignLongest           = 7 * 24 * time.Hour
	ErrorTextBytes        = 300 // of what a store says

	// --- Transfers ---
	PartBytes            = 16 << 20 // of a download, and of an upload in parts unless it would be too many
	Parts                = 9000     // of one object; S3's bound is 10,000
	MultipartBytes       = 64 << 20 // files from this size on go up in parts, and their uploads are resumed
	PartWorkers          = 4
	SmallWorkers         = 16 // files at once of a folder
	CopiedWholeBytes     = 5 << 30
	CopiedPartBytes      = 512 << 20
	RecordedBytes        = 1 << 20 // the smallest file whose content is recorded
	RecordBytes          = 16 << 10
	ChangedRetries       = 3 // of what changes while it is read
	ResumeRetries        = 5 // of a part without one byte more
	ResumePause          = 200 * time.Millisecond
	CopyBufferBytes      = 256 << 10
	FolderEntries        = 1_000_000 // files of one directory
	PathBytes            = 4096      // of a file below a directory
	WriteBufferBytes     = 8 << 20   // of an object that comes in pieces
	LinksFollowed        = 40
	FolderDepth          = 64
	SkippedNotes         = 5 // names of what is skipped, in a note
	InputsAtOnce         = 4
	OutputsAtOnce        = 4
	ProgressInterval     = time.Second
	ProgressLineInterval = 10 * time.Second

	// --- The log of an attempt ---
	LogRangeBytes     = 4 << 20 // sent at once to the executor
	LogDrainTimeout   = 2 * time.Second
	LogDrainLook      = 3 * time.Millisecond
	LogUploadTimeout  = time.Minute
	StoppedLogTimeout = 5 * time.Second // of an attempt that was told to end

	// --- Attempts in pods; what the task leaves is bounded as in common/limits.h ---
	OutputParameterBytes  = 4 << 20
	ExecutorOutputBytes   = 16 << 20
	ParameterFilesBytes   = ExecutorOutputBytes // of all output parameters together
	LogTailBytes          = 8 << 10
	LogTailNeededBytes    = 4<<10 + 1 // what the server keeps, and one byte to show that there was more before it
	PipeBufferBytes       = 64 << 10
	SecretsBytes          = 1 << 20 // of all variables in a directory; a Secret's own bound
	MachineFileBytes      = 1 << 20
	MachineWordsBytes     = 256
	KilledTimeout         = time.Second // until what was killed is gone
	ProgressPostTimeout   = time.Second
	ProgressPostLongest   = time.Minute     // between posts to who does not answer
	ResultPostTimeout     = 2 * time.Second // of the first try, that holds up the end
	ResultPostTryTimeout  = 30 * time.Second
	ResultPostDelay       = 500 * time.Millisecond // before the second try; doubled before each further one
	ResultPostDelayMost   = 15 * time.Second
	ResultPostsTimeout    = 10 * time.Minute // of all tries, where nothing else holds the result
	StoppedEndTimeout     = 10 * time.Second // what is left after the grace to tell of the end
	TerminationErrorBytes = 1 << 10          // of a sentence in a termination that has no room for more
	AnswerBytes           = 4 << 10          // of an answer to a report
	MeetPostTimeout       = time.Minute      // of one question whether an attempt's other pods are ready
	MeetSilence           = time.Hour        // without an answer to that

	// --- Content fetched over HTTP, as in common/limits.h ---
	FetchBytes          = 64 << 30
	FetchTimeout        = 6 * time.Hour
	FetchConnectTimeout = 30 * time.Second
	FetchStallTimeout   = time.Minute
	FetchRedirects      = 10
	FetchDroppedBytes   = 64 << 10 // of an answer that is no content
	URLBytes            = 2048
	MessageURLBytes     = 300
	InputNotesBytes     = 2 << 10

	// --- The service ---
	ServiceCalls        = 64 // at once
	ServiceWrites       = 12 // at once; each has a buffer of WriteBufferBytes
	ServiceMessageBytes = 4 << 20
	ServiceChunkBytes   = 256 << 10
	ServiceMemoryBytes  = 256 << 20
	AttemptMemoryBytes  = 80 << 20
	ListEntries         = 1000 // of an answer
	RemovedObjects      = 10_000
	ShutdownGrace       = 2 * time.Second
	CheckSignedFor      = time.Minute
)
