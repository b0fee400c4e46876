package attempt

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// How a shell ends when it cannot run a command.
const (
	exitNotFound = 127
	exitNotRun   = 126
)

const (
	defaultPath = "/bin:/usr/bin" // without PATH, as in C's library
	shell       = "/bin/sh"       // of a script that names no interpreter
)

// become makes this process the command. Returns only if that cannot be.
func (r *run) become() int {
	touch(r.own(StartedFile))
	signal.Reset(forwarded...)
	_, err := r.tryEach(func(path string, arguments []string) (int, error) {
		return 0, syscall.Exec(path, arguments, r.environment)
	})
	_ = os.Remove(r.own(StartedFile))
	return r.notRun(err)
}

func touch(path string) {
	if file, err := os.Create(path); err == nil {
		file.Close()
	}
}

func (r *run) notRun(err error) int {
	r.say("the %s", r.whyNotRun(err))
	return exitOfNotRun(err)
}

func (r *run) whyNotRun(err error) string {
	return fmt.Sprintf("program '%s' cannot be run: %s", r.request.Command[0], capital(err.Error()))
}

// capital makes of an error what C's library says of it.
func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func exitOfNotRun(err error) int {
	if errors.Is(err, syscall.ENOENT) {
		return exitNotFound
	}
	return exitNotRun
}

// tryEach starts the command from the first place where it can be, as execvp does.
func (r *run) tryEach(start func(path string, arguments []string) (int, error)) (int, error) {
	name := r.request.Command[0]
	folders := []string{""}
	if !strings.Contains(name, "/") {
		search := defaultPath
		for _, variable := range r.environment {
			if value, is := strings.CutPrefix(variable, "PATH="); is {
				search = value
			}
		}
		folders = strings.Split(search, ":")
	}
	var last error = syscall.ENOENT
	for _, folder := range folders {
		path := name
		if !strings.Contains(name, "/") {
			if folder == "" {
				folder = "."
			}
			path = folder + "/" + name
			// A process of its own for each folder where it is not would be dear.
			if err := syscall.Faccessat(unix.AT_FDCWD, path, unix.X_OK, 0); err == syscall.ENOENT || err == syscall.ENOTDIR {
				continue
			}
		}
		pid, err := start(path, r.request.Command)
		if errors.Is(err, syscall.ENOEXEC) {
			pid, err = start(shell, append([]string{shell, path}, r.request.Command[1:]...))
		}
		switch {
		case err == nil:
			return pid, nil
		case errors.Is(err, syscall.EACCES):
			last = err // another place may have it
		case !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENOTDIR):
			return 0, err
		}
	}
	if name == "" {
		last = syscall.ENOENT
	}
	return 0, last
}

// command runs it as a child, in this process' group and with its standard streams, and returns how it ended. It is
// killed if this process is.
func (r *run) command() (code int, death syscall.Signal) {
	r.signals.mutex.Lock() // a signal that comes now is for the child
	pid, err := r.tryEach(func(path string, arguments []string) (int, error) {
		return syscall.ForkExec(path, arguments, &syscall.ProcAttr{Env: r.environment, Files: []uintptr{0, 1, 2},
			Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}})
	})
	r.signals.child = pid
	r.signals.mutex.Unlock()
	if err != nil {
		return r.notRun(err), 0
	}
	touch(r.own(StartedFile))
	// It is not reaped before it is known to get no signal any more: its number may be another's then.
	waitWithoutReaping(pid)
	r.signals.setChild(0)
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	if status.Signaled() {
		return 0, status.Signal()
	}
	return status.ExitStatus(), 0
}

func waitWithoutReaping(pid int) {
	const (
		byPID   = 1 // P_PID
		exited  = syscall.WEXITED
		noReap  = syscall.WNOWAIT
		maxInfo = 128
	)
	var info [maxInfo]byte
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(pid), uintptr(unsafe.Pointer(&info)), exited|noReap, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}

// dieBy ends this process as the command ended, so that who waits for it sees the signal.
func dieBy(death syscall.Signal) {
	// Go's own handler of some signals would print all goroutines; and the core of this process is of no use.
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	signal.Reset(death)
	var byDefault [4]uint64 // the kernel's struct sigaction
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(death), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
	_ = syscall.Kill(os.Getpid(), death)
	// Not reached unless the signal is blocked or its default is to go on.
	os.Exit(128 + int(death))
}
