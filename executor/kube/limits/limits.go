// Package limits holds every bound of penstock-kube, so that one place tells what it does at most.
package limits

import "time"

// Every bound of the program. Sizes are inclusive.
const (
	// --- What is asked of it ---
	SettingsBytes    = 1 << 20
	OrderBytes       = 96 << 20  // of one message of Drive; a request's files are in it
	RequestArgsBytes = 900 << 10 // of a request, compressed, in a pod; etcd takes objects of 1.5 MiB
	ArgumentBytes    = 100_000   // of one argument of a pod; the kernel takes 131,072
	LabelBytes       = 63
	MessageBytes     = 2 << 10 // of a sentence that holds another's words
	CommandBytes     = 256     // of the annotation that tells a command
	ShownBytes       = 100     // of a text of the author in a sentence
	SettingItems     = 1000    // of a list in the settings of a task
	PodsOfAttempt    = 1000

	// --- Pods ---
	CreateWorkers     = 16
	RemoveWorkers     = 16
	LogRangeBytes     = 8 << 20
	LogBytes          = 1 << 40 // of an attempt; the launcher's own bound is less
	MaxPods           = 1000    // that have not ended, unless the settings say otherwise
	QuotaWoken        = 8       // creations that are tried again when a pod has ended
	QPS               = 50
	Burst             = 100
	CallTimeout       = 30 * time.Second // of one call of the API server
	SlowCall          = 3 * time.Second  // after which it is told that one takes long
	RetryShortest     = 200 * time.Millisecond
	RetryLongest      = 30 * time.Second
	RetryAfterLongest = 60 * time.Second // of what the API server may ask for
	QuotaLongest      = 30 * time.Second
	PendingTimeout    = time.Hour
	ImageTimeout      = 10 * time.Minute
	NodeLostTimeout   = 5 * time.Minute
	FailedKept        = time.Hour
	CauseTimeout      = 20 * time.Second       // that a pod may take to tell why its program was stopped
	StartingQuiet     = 400 * time.Millisecond // for which it is not told that a pod is being started
	GraceSlack        = 10 * time.Second       // over the launcher's own grace
	GangEndTimeout    = 5 * time.Minute        // that other pods of an attempt may run on when rank 0 has succeeded
	ReadyLongest      = 20 * time.Second       // until a launcher that waits for others is answered
	ReadyLook         = time.Second            // how often it is looked for an attempt that is not known yet
	Tick              = 500 * time.Millisecond
	SweepInterval     = 30 * time.Second

	// --- The launcher's own container ---
	LauncherCPU    = "10m"
	LauncherMemory = "64Mi"
	LauncherUser   = 65532 // "nonroot" of many images

	// --- Reports ---
	ReportBytes       = 64 << 20
	ProgressBytes     = 64 << 10
	Reports           = 16 // taken at once
	ReportConnections = 20_000
	ReportReadTimeout = 2 * time.Minute
	ReportHeaderBytes = 16 << 10
	ReportIdleTimeout = 2 * time.Minute
	TerminationBytes  = 64 << 10 // of a termination message; the kubelet keeps 4,096

	// --- Logs ---
	LogChunkBytes  = 64 << 10
	LogTailBytes   = 16 << 10
	LogTailLines   = 50
	LogTailTimeout = 5 * time.Second
	LogLook        = 250 * time.Millisecond

	// --- The service ---
	Calls              = 256 // at once
	ServiceMemoryBytes = 1 << 30
	ShutdownGrace      = 2 * time.Second
	DescribeShortest   = 2 * time.Second // that it is given in any case
	DescribeLook       = 200 * time.Millisecond
)
