// Package attempt runs one attempt of a task whose content lies elsewhere: it brings what the task reads, runs the
// task's command, and puts what that leaves where it belongs.
package attempt

import "encoding/json"

// Request is what the executor asks for: the content of the file that "penstock-launch attempt FILE" names, which is
// removed when it has been read. Paths are absolute, unless an input's URI gives none.
type Request struct {
	// Settings of stores (package stores); empty: none.
	StoresFile string `json:"stores_file,omitempty"`
	// A directory whose files named like environment variables are such variables for the launcher alone.
	SecretsDir string `json:"secrets_dir,omitempty"`
	// Variables for the launcher alone, such as credentials of stores; the command does not see them.
	Environment map[string]string `json:"environment,omitempty"`
	Inputs      []Input           `json:"inputs,omitempty"`
	Outputs     *Outputs          `json:"outputs,omitempty"`
	Log         *Log              `json:"log,omitempty"`
	Command     []string          `json:"command"`
	// Who stops the attempt signals its whole process group, so that nothing is passed on to the command, which would get
	// it twice.
	GroupSignals bool `json:"group_signals,omitempty"`
	// Set if this process is the first of a container of its own.
	Pod *Pod `json:"pod,omitempty"`
}

// Pod is what an attempt in a pod needs besides, where nobody else makes its files and reads what it leaves.
type Pod struct {
	// The launcher's own files go here, in place of its working directory, which is the image's. It makes it.
	StateDir string `json:"state_dir"`
	// Made before the command begins, parents first, if they are not there.
	Directories []string `json:"directories,omitempty"`
	// Written before the command begins.
	Files []File `json:"files,omitempty"`
	// What is read once the command has ended with 0; the result holds it. Absent files are left out. Only regular files are
	// taken that lie, links followed, in one of Directories.
	ExecutorOutput string          `json:"executor_output,omitempty"`
	ParameterFiles []ParameterFile `json:"parameter_files,omitempty"`
	// How much of what the command prints is kept, in a file that Request.Log names, or in one of StateDir if SendLog. It
	// prints to the container's output in any case.
	LogBytes int64 `json:"log_bytes"`
	// Whether that goes to Report, if there is one, when the command has ended: nobody else keeps it, and what the kubelet
	// has is not the same byte for byte.
	SendLog bool `json:"send_log,omitempty"`
	// From the command's begin; 0: none.
	TimeoutMs int64 `json:"timeout_ms,omitempty"`
	// How long the command may take to end when it is told to; then it is killed.
	GraceMs int64 `json:"grace_ms"`
	// Where the kubelet reads how the container ended: at most TerminationBytes of a Termination.
	TerminationPath string `json:"termination_path"`
	// Where a result goes that does not fit there; an object's URI. Empty: nowhere.
	ResultURI string `json:"result_uri,omitempty"`
	// Whom to tell; nil: nobody. It need not answer: what the termination file says is enough, if it holds the result or
	// says where that is.
	Report *Report `json:"report,omitempty"`
	// Set if the attempt has several pods, which begin their commands together: each asks Report whether it may.
	Gang *Gang `json:"gang,omitempty"`
}

// Gang is which of the attempt's pods this is. The command sees it in the variables that PyTorch and torchrun read.
type Gang struct {
	Rank int `json:"rank"` // from 0; only the pod of rank 0 leaves outputs
	Size int `json:"size"` // how many pods there are
}

// File is a file that the executor gives to the attempt.
type File struct {
	Path string `json:"path"`
	Text []byte `json:"text"`
}

// ParameterFile is a file in which the command leaves an output parameter.
type ParameterFile struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// Report is the door at which attempts in pods tell the executor's program what becomes of them, over HTTP:
//
//	POST URL/attempts/ID/progress   a Progress; may be lost
//	POST URL/attempts/ID/log?offset_bytes=N   bytes of the log from there on, before the result; may be said again
//	POST URL/attempts/ID/result     a Result; answered with 200 once it is on disk
//	POST URL/attempts/ID/ready      {"rank": N} of a Gang, once the command could begin; answered with 200 and a Met once
//	                                all its pods have said so, or with 202 after a while: then it is to be asked again
//
// with "Authorization: Bearer TOKEN". Pods of a Gang have one ID and TOKEN, and add rank=N to the query.
type Report struct {
	URL   string `json:"url"`
	ID    string `json:"id"`
	Token string `json:"token"`
}

// Met is what a pod of a Gang is told when its command may begin.
type Met struct {
	Master string `json:"master"` // the address of the pod of rank 0
}

// Progress is told when it changes.
type Progress struct {
	Started bool   `json:"started,omitempty"` // the command runs
	Content string `json:"content,omitempty"` // one sentence on what is being brought or put; empty: nothing is
}

// TerminationBytes is what the kubelet keeps of a termination file.
const TerminationBytes = 4096

// Termination is the content of the termination file, JSON. Without one the launcher itself was killed.
type Termination struct {
	// The Result as JSON, if it fits; gzip, in base64, if it fits only so.
	Result  json.RawMessage `json:"result,omitempty"`
	Gzipped []byte          `json:"gzipped,omitempty"`
	// Otherwise where it is: an object's URI, or Reported.
	ResultURI string `json:"result_uri,omitempty"`
	Reported  bool   `json:"reported,omitempty"`
}

// Need says what an input is to be before the command begins.
type Need string

const (
	// NeedFetched: the content behind the URI, which may be a path, is put at the path, or the attempt fails.
	NeedFetched Need = "fetched"
	// NeedWanted: the same, but there may be nothing behind the URI.
	NeedWanted Need = "wanted"
	// NeedPresent: the path is there, or the attempt fails.
	NeedPresent Need = "present"
	// NeedPresumed: the attempt may do without; what is missing is noted.
	NeedPresumed Need = "presumed"
)

// Input is the content of one input artifact.
type Input struct {
	Name string `json:"name"`
	Need Need   `json:"need"`
	URI  string `json:"uri"`
	Path string `json:"path"`
	// What was recorded when the content was made; empty: nothing. Content that is another fails the attempt.
	SHA256 string `json:"sha256,omitempty"`
}

// Outputs says what becomes of the artifacts that the command leaves.
type Outputs struct {
	// All that lies in this directory goes to the place of the same name below the URI.
	Directory string `json:"directory"`
	URI       string `json:"uri"`
	// Where the pipeline root of the run lies, below which records of equal content and of unfinished uploads are.
	RootURI string `json:"root_uri"`
	// The JSON file in which the kfp executor reports artifacts; where one has a custom path, what lies there goes to
	// its URI's place. May be absent, and is no artifact where it lies in the directory.
	ExecutorOutput string `json:"executor_output,omitempty"`
	// The declared artifacts, which may be absent too.
	Declared []Declared `json:"declared,omitempty"`
}

// Declared is a declared output artifact.
type Declared struct {
	Name string `json:"name"`
	Path string `json:"path"` // in Outputs.Directory
	URI  string `json:"uri"`
}

// Log is the file that the executor writes the attempt's output to; a copy of it is kept at the URI.
type Log struct {
	Path string `json:"path"`
	URI  string `json:"uri"`
}

// Names of the files that the launcher leaves in its working directory, which is the attempt's own, or in Pod.StateDir.
const (
	// ErrorFile has one sentence, if the launcher ends with ExitFailed.
	ErrorFile = ".penstock-start-error"
	// NotesFile has a sentence a line for the user, in case that the attempt fails.
	NotesFile = ".penstock-input-notes"
	// StartedFile is there once the command runs; it is empty.
	StartedFile = ".penstock-command-started"
	// ProgressFile has one sentence on what is being brought or put, replaced as a whole every second or so; it is
	// there only while that goes on.
	ProgressFile = ".penstock-progress"
	// ResultFile has a Result, if there are outputs and the command ended with 0; it is written as a whole.
	ResultFile = ".penstock-result"
)

// ExitFailed is the exit code if the command could not begin, or its outputs not be kept.
const ExitFailed = 125

// Result is what became of the outputs, and in a pod of all else.
type Result struct {
	Outputs []Output `json:"outputs"`
	Ended   *Ended   `json:"ended,omitempty"` // in a pod only
}

// Ended is how an attempt in a pod ended, and what it left. Texts of files are bytes, in base64.
type Ended struct {
	ExitCode int `json:"exit_code"`        // of the command; 127 or 126 if it cannot be run, else 0 if Signal or Error is set
	Signal   int `json:"signal,omitempty"` // by which it died
	// A sentence, if the command could not begin, or its outputs not be kept.
	Error string `json:"error,omitempty"`
	// Sentences for the user in case that the attempt fails.
	Notes string `json:"notes,omitempty"`
	// Whether Pod.TimeoutMs passed; and whether this process was told to end before the command had ended.
	TimedOut bool `json:"timed_out,omitempty"`
	Stopped  bool `json:"stopped,omitempty"`
	// Of the command: Unix time, and of it and its children: processor time and the most memory.
	StartedAtUs  int64 `json:"started_at_us,omitempty"`
	FinishedAtUs int64 `json:"finished_at_us"`
	CPUUs        int64 `json:"cpu_us,omitempty"`
	MaxRSSBytes  int64 `json:"max_rss_bytes,omitempty"`
	// The end of the log, of at most limits.LogTailBytes, if the attempt did not succeed.
	LogTail []byte `json:"log_tail,omitempty"`
	// What the command left. Absent: there is no such file.
	ExecutorOutput []byte            `json:"executor_output,omitempty"`
	ParameterFiles map[string][]byte `json:"parameter_files,omitempty"`
	// A sentence, if something of it cannot be taken: it names the output, the file and the bound.
	OutputsError string `json:"outputs_error,omitempty"`
	// The machine: as executor/attempt_place.h has it.
	Machine *Machine `json:"machine,omitempty"`
}

// Machine is where the attempt ran.
type Machine struct {
	Hostname     string `json:"hostname"`
	Kernel       string `json:"kernel"`
	OS           string `json:"os"` // of the image
	Architecture string `json:"architecture"`
	CPUModel     string `json:"cpu_model"`
	CPUs         int    `json:"cpus"`
	MemoryBytes  int64  `json:"memory_bytes"`
}

// Output is one artifact that lies at its URI now: each entry of the directory, and each custom path.
type Output struct {
	Path string `json:"path"` // as the command left it
	URI  string `json:"uri"`  // where it lies
	// Of the bytes, and of a folder with the names in it: as content/local/file_content.h tells content apart.
	SHA256    string `json:"sha256"`
	SizeBytes int64  `json:"size_bytes"`
	// As RemoteContent.Stat tells it of the URI.
	Version string `json:"version"`
	// How many bytes went over the network: 0 for content that was there.
	MovedBytes int64 `json:"moved_bytes"`
}
