// Package attempt runs one attempt of a task whose content lies elsewhere: it brings what the task reads, runs the
// task's command, and puts what that leaves where it belongs.
package attempt

// Request is what the executor asks for: the content of the file that "penstock-launch attempt FILE" names, which is
// removed when it has been read. Paths are absolute, unless an input's URI gives none.
type Request struct {
	// Settings of stores (package stores); empty: none.
	StoresFile string `json:"stores_file,omitempty"`
	// Variables for the launcher alone, such as credentials of stores; the command does not see them.
	Environment map[string]string `json:"environment,omitempty"`
	Inputs      []Input           `json:"inputs,omitempty"`
	Outputs     *Outputs          `json:"outputs,omitempty"`
	Log         *Log              `json:"log,omitempty"`
	Command     []string          `json:"command"`
	// Who stops the attempt signals its whole process group, so that nothing is passed on to the command, which would get
	// it twice.
	GroupSignals bool `json:"group_signals,omitempty"`
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

// Names of the files that the launcher leaves in its working directory, which is the attempt's own.
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

// Result is what became of the outputs.
type Result struct {
	Outputs []Output `json:"outputs"`
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
