package attempt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/settings"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/transfer"
	"github.com/penstock/penstock/launcher/uri"
)

const (
	exitStopped = 128 + int(syscall.SIGTERM)
	exitUsage   = 2
)

// run is one attempt.
type run struct {
	request     *Request
	environment []string // of the command
	stateDir    string   // of the launcher's own files; empty: the working directory
	out         io.Writer
	tell        func(content string) // told of what Progress.Content says; may be nil
	opener      *stores.Opener
	progress    transfer.Progress
	signals     *signals
	notes       sync.Mutex
}

// Run carries out the request in the file at path and returns the exit code. It may become the command instead.
func Run(path string) int {
	// The command is killed when the thread that started it ends.
	runtime.LockOSThread()
	debug.SetMemoryLimit(limits.AttemptMemoryBytes)
	request, err := readRequest(path)
	if err != nil {
		fmt.Fprintf(os.Stderr, "penstock: %v\n", err)
		return exitUsage
	}
	r := &run{request: request, environment: os.Environ(), out: os.Stderr}
	if err := request.setEnvironment(); err != nil {
		return r.failed(context.Background(), err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r.signals = notify(stop, !request.GroupSignals)
	code, death := r.all(ctx)
	if death != 0 {
		dieBy(death)
	}
	return code
}

func readRequest(path string) (*Request, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the request of the attempt cannot be read: %v", err)
	}
	defer file.Close()
	var request Request
	decoder := json.NewDecoder(io.LimitReader(file, limits.RequestBytes))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return nil, fmt.Errorf("the request of the attempt, %s, makes no sense: %v", path, err)
	}
	// It may hold credentials, and the command has no use for it.
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("the request of the attempt cannot be removed: %v", err)
	}
	if len(request.Command) == 0 {
		return nil, fmt.Errorf("the request of the attempt, %s, has no command", path)
	}
	return &request, nil
}

// all returns the exit code, or the signal by which the command died.
func (r *run) all(ctx context.Context) (code int, death syscall.Signal) {
	err := r.open()
	if err == nil {
		err = r.bring(ctx)
	}
	switch {
	case err != nil:
	case r.request.Outputs == nil && r.request.Log == nil:
		return r.become(), 0
	default:
		code, death = r.command()
		if code == 0 && death == 0 && r.request.Outputs != nil {
			err = r.keepHere(ctx)
		}
	}
	if err != nil {
		code = r.failed(ctx, err)
	}
	if r.request.Log != nil && r.opener != nil {
		waitForLog(r.request.Log.Path)
		bound := limits.LogUploadTimeout
		if ctx.Err() != nil {
			bound = limits.StoppedLogTimeout
		}
		r.keepLog(context.WithoutCancel(ctx), bound)
	}
	return code, death
}

// open reads the settings of stores if one is needed. It makes no call.
func (r *run) open() error {
	needed := r.request.Outputs != nil || r.request.Log != nil || (r.request.Pod != nil && r.request.Pod.ResultURI != "")
	for _, input := range r.request.Inputs {
		needed = needed || uri.IsRemote(input.URI)
	}
	if !needed {
		return nil
	}
	s, err := settings.Read(r.request.storesFile())
	if err != nil {
		return err
	}
	r.opener = stores.NewOpener(s, stores.Options{})
	if r.request.Outputs == nil || r.request.Outputs.RootURI == "" {
		return nil
	}
	root, err := uri.ParseRoot(r.request.Outputs.RootURI)
	if err == nil {
		r.opener.Learn(root)
	}
	return err
}

// own is the path of one of the launcher's own files.
func (r *run) own(name string) string { return filepath.Join(r.stateDir, name) }

// say prints a line among what the command prints.
func (r *run) say(format string, arguments ...any) {
	fmt.Fprintf(r.out, "penstock: "+format+"\n", arguments...)
}

// root is where records lie; nil: nowhere.
func (r *run) root() *uri.Location {
	if r.request.Outputs == nil || r.request.Outputs.RootURI == "" {
		return nil
	}
	root, err := uri.ParseRoot(r.request.Outputs.RootURI)
	if err != nil {
		return nil
	}
	return &root
}

// failed leaves the sentence for the executor.
func (r *run) failed(ctx context.Context, err error) int {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		r.say("stopped")
		return exitStopped
	}
	r.say("%v", err)
	if writeErr := os.WriteFile(r.own(ErrorFile), []byte(err.Error()), 0o666); writeErr != nil {
		r.say("%v", writeErr)
	}
	return ExitFailed
}

// note keeps a sentence for the case that the attempt fails.
func (r *run) note(sentence string) {
	r.notes.Lock()
	defer r.notes.Unlock()
	r.say("%s", sentence)
	file, err := os.OpenFile(r.own(NotesFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size()+int64(len(sentence)) < limits.InputNotesBytes {
		_, _ = file.WriteString(sentence + ".\n")
	}
}

// signals go to the command while there is one, and end what the launcher does otherwise.
type signals struct {
	mutex   sync.Mutex
	child   int // 0: there is none
	passOn  bool
	channel chan os.Signal
}

var forwarded = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

func notify(stop func(), passOn bool) *signals {
	s := &signals{passOn: passOn, channel: make(chan os.Signal, 16)}
	signal.Notify(s.channel, forwarded...)
	go func() {
		for received := range s.channel {
			s.mutex.Lock()
			number := received.(syscall.Signal)
			if s.child != 0 {
				if s.passOn {
					_ = syscall.Kill(s.child, number)
				}
			} else if number != syscall.SIGUSR1 && number != syscall.SIGUSR2 {
				stop()
			}
			s.mutex.Unlock()
		}
	}()
	return s
}

func (s *signals) setChild(pid int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.child = pid
}
