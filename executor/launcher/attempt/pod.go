package attempt

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/penstock/penstock/launcher/limits"
)

// pod is an attempt whose launcher is the first process of a container of its own.
type pod struct {
	run
	sink     *sink
	control  *control
	reporter *reporter
	roots    []string // of what the command leaves, links followed
	ended    Ended
	outputs  []Output
	code     int // of this process, for people; the result says how it ended
}

// RunPod carries out the request that the chunks hold, and returns the exit code. The version is this program's.
func RunPod(version string, chunks []string) int {
	// The command is killed when the thread that started it ends.
	runtime.LockOSThread()
	debug.SetMemoryLimit(limits.AttemptMemoryBytes)
	request, terminationPath, err := readPodRequest(version, chunks)
	if err != nil {
		return refusePod(err, terminationPath)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	all, stopAll := context.WithCancel(context.Background())
	defer stopAll()
	p := &pod{run: run{request: request, environment: os.Environ(), stateDir: request.Pod.StateDir}, outputs: []Output{},
		control: newControl(time.Duration(request.Pod.GraceMs)*time.Millisecond, stop, stopAll), reporter: newReporter(request.Pod)}
	p.tell = func(content string) { p.reporter.change(func(progress *Progress) { progress.Content = content }) }
	p.sink, err = openSink(p.logPath(), request.Pod.LogBytes)
	p.out = p.sink
	if err == nil {
		err = p.attempt(ctx)
	}
	p.finish(ctx, err)
	return p.conclude(all)
}

// logPath is where the log is kept; empty: nowhere.
func (p *pod) logPath() string {
	switch {
	case p.request.Log != nil:
		return p.request.Log.Path
	case p.request.Pod.SendLog && p.reporter != nil:
		return p.own("log")
	}
	return ""
}

// attempt does all until the outputs are kept.
func (p *pod) attempt(ctx context.Context) error {
	err := p.prepare()
	if err == nil {
		err = p.open()
	}
	if err == nil {
		err = p.bring(ctx)
	}
	if err == nil {
		err = p.meet(ctx)
	}
	if err == nil {
		err = p.runCommand()
	}
	p.ended.Stopped, p.ended.TimedOut, _ = p.control.state()
	if err != nil || !p.succeeded() {
		return err
	}
	if err := p.readLeft(); err != nil {
		p.ended.OutputsError = err.Error()
		return nil
	}
	if p.request.Outputs == nil {
		return nil
	}
	outputs, err := p.keep(ctx)
	if err == nil {
		p.outputs = outputs
	}
	return err
}

func (p *pod) succeeded() bool {
	e := &p.ended
	return e.ExitCode == 0 && e.Signal == 0 && e.Error == "" && e.OutputsError == "" && !e.Stopped && !e.TimedOut
}

// finish puts into p.ended what was not known before the end, and p.code.
func (p *pod) finish(ctx context.Context, err error) {
	_, _, told := p.control.state()
	begun := p.ended.StartedAtUs != 0
	switch {
	case err == nil && p.ended.Signal != 0:
		p.code = 128 + p.ended.Signal
	case err == nil && (p.ended.Error != "" || p.ended.OutputsError != ""):
		p.code = ExitFailed
	case err == nil:
		p.code = p.ended.ExitCode
	case p.ended.Stopped && !begun:
		p.say("stopped")
		p.code = exitStopped
	case notRun(err):
		sentence := p.whyNotRun(err)
		p.say("the %s", sentence)
		p.ended.Error = "The " + sentence
		p.ended.ExitCode = exitOfNotRun(err)
		p.code = p.ended.ExitCode
	case ctx.Err() != nil:
		err = errors.New("The outputs were not kept in time: the pod was told to end") //nolint:staticcheck // a sentence for users
		fallthrough
	default:
		p.ended.Error = err.Error()
		p.code = p.failed(context.Background(), err)
	}
	if p.ended.FinishedAtUs == 0 {
		p.ended.FinishedAtUs = time.Now().UnixMicro()
	}
	p.ended.Notes = strings.TrimSpace(strings.ReplaceAll(beginningOf(p.own(NotesFile)), "\n", " "))
	if p.ended.Machine == nil {
		p.ended.Machine = machineBelow("")
	}
	if !p.succeeded() {
		p.ended.LogTail = p.sink.lastWords()
	}
	p.sink.close()
	bound := limits.LogUploadTimeout
	if !told.IsZero() {
		ctx, bound = context.Background(), limits.StoppedLogTimeout
	}
	p.keepLog(ctx, bound)
	p.sendLog(bound)
}

func (p *pod) sendLog(bound time.Duration) {
	if p.reporter == nil || !p.request.Pod.SendLog {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	if err := p.reporter.sendLog(ctx, p.logPath()); err != nil {
		p.say("the log is not kept: %v", err)
	}
}

// notRun tells whether the program could not be started; nothing else fails with a plain number.
func notRun(err error) bool {
	_, is := err.(syscall.Errno)
	return is
}
