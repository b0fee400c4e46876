package attempt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/penstock/penstock/launcher/limits"
)

var errStopped = errors.New("stopped")

// runCommand runs it in a process group of its own, and puts into p.ended how it ended. Nothing that it has started is left.
func (p *pod) runCommand() error {
	// Where another process is the first of the container, what loses its parent becomes this one's child all the same.
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/null cannot be opened: %w", err)
	}
	defer unix.Close(null)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("a pipe for what the command prints cannot be made: %w", err)
	}
	_ = unix.SetNonblock(pipe[0], true) // so that reading can have an end
	printed := os.NewFile(uintptr(pipe[0]), "what the command prints")
	defer printed.Close()
	if len(p.request.Inputs) > 0 {
		forgetPeak()
	}
	var pid int
	err = p.control.begin(time.Duration(p.request.Pod.TimeoutMs)*time.Millisecond, func() (int, error) {
		p.ended.StartedAtUs = time.Now().UnixMicro()
		var err error
		pid, err = p.tryEach(func(path string, arguments []string) (int, error) {
			return syscall.ForkExec(path, arguments, &syscall.ProcAttr{Env: p.environment,
				Files: []uintptr{uintptr(null), uintptr(pipe[1]), uintptr(pipe[1])},
				Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}})
		})
		return pid, err
	})
	unix.Close(pipe[1])
	if err != nil {
		p.ended.StartedAtUs = 0
		return err
	}
	touch(p.own(StartedFile))
	p.reporter.change(func(progress *Progress) { progress.Started = true })
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.CopyBuffer(p.sink, onlyReader{printed}, make([]byte, limits.PipeBufferBytes))
	}()
	machine := make(chan *Machine, 1)
	go func() { machine <- machineBelow("") }() // while there is nothing else to do
	p.await(pid)
	p.control.ended()
	p.ended.FinishedAtUs = time.Now().UnixMicro()
	p.drainAndKill(pid, printed, drained)
	p.ended.Machine = <-machine
	return nil
}

// forgetPeak gives back memory, and has the kernel forget how much it was: a new process' peak begins with its parent's.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// onlyReader hides ways of copying that would pass the buffer by.
type onlyReader struct{ io.Reader }

// await waits until the command has ended, and reaps the orphans that end before.
func (p *pod) await(pid int) {
	for {
		ended, err := anyEnded()
		if err != nil || ended == pid {
			return
		}
		p.reap(ended)
	}
}

// anyEnded waits for the end of any child, and does not reap it.
func anyEnded() (pid int, err error) {
	var info struct { // the kernel's siginfo_t of a child, on machines with 64 bits
		number, errno, code, _ int32
		pid                    int32
		_                      [108]byte
	}
	for {
		err := unix.Waitid(unix.P_ALL, 0, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return int(info.pid), err
		}
	}
}

// reap adds what the child has used, its own children included.
func (p *pod) reap(pid int) (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err := syscall.Wait4(pid, &status, 0, &usage)
		if err == syscall.EINTR {
			continue
		}
		if err == nil {
			p.ended.CPUUs += (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
			p.ended.MaxRSSBytes = max(p.ended.MaxRSSBytes, usage.Maxrss<<10)
		}
		return status, err
	}
}

// drainAndKill takes what the command has printed, and ends what it has left running: what still prints has a moment for
// its last words.
func (p *pod) drainAndKill(pid int, printed *os.File, drained chan struct{}) {
	waitFor(drained, limits.LogDrainTimeout)
	p.control.killGroup()
	if status, err := p.reap(pid); err != nil {
		p.ended.Error = fmt.Sprintf("How the command ended is not known: %v", err)
	} else if status.Signaled() {
		p.ended.Signal = int(status.Signal())
	} else {
		p.ended.ExitCode = status.ExitStatus()
	}
	p.killOthers()
	waitFor(drained, limits.KilledTimeout)
	_ = printed.SetReadDeadline(time.Now()) // of what cannot be killed
	waitFor(drained, limits.KilledTimeout)
}

func waitFor(done chan struct{}, atMost time.Duration) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// killOthers ends all that is in the container, if this is its first process, else all that has become its child.
func (p *pod) killOthers() {
	for deadline := time.Now().Add(limits.KilledTimeout); time.Now().Before(deadline); {
		if os.Getpid() == 1 {
			_ = syscall.Kill(-1, syscall.SIGKILL)
		} else {
			for _, child := range children() {
				_ = syscall.Kill(child, syscall.SIGKILL)
			}
		}
		// What is killed leaves its own children to this process.
		for {
			ended, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if err == syscall.ECHILD {
				return
			}
			if err != syscall.EINTR && ended <= 0 {
				break
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func children() []int {
	var pids []int
	threads, _ := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		text, _ := os.ReadFile("/proc/self/task/" + thread.Name() + "/children")
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
