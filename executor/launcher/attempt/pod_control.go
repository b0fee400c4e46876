package attempt

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/penstock/penstock/launcher/limits"
)

// What a container may be sent. By which of them it is told to end, its image may say: STOPSIGNAL.
const realTimeStop = syscall.Signal(37) // SIGRTMIN+3, of systemd

var (
	endSignals   = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, realTimeStop}
	otherSignals = []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT}
)

type phase int

const (
	beginning phase = iota
	running
	ending
)

// control passes signals on to the command's process group, and ends it when it may not go on. Safe for concurrent use.
type control struct {
	grace time.Duration
	// What the launcher itself does ends by stop, and what it does about the result by stopAll, once the time for that is over.
	stop, stopAll func()

	mutex    sync.Mutex
	phase    phase
	group    int       // of the command, while it is not reaped; 0: there is none
	stopped  bool      // told to end before the command had ended
	timedOut bool      // its time has passed before that
	told     time.Time // when it was first told to end
	timers   []*time.Timer
}

func newControl(grace time.Duration, stop, stopAll func()) *control {
	c := &control{grace: grace, stop: stop, stopAll: stopAll}
	ends, others := make(chan os.Signal, 16), make(chan os.Signal, 16)
	signal.Notify(ends, endSignals...)
	signal.Notify(others, otherSignals...)
	go func() {
		for {
			select {
			case received := <-ends:
				c.end(received.(syscall.Signal))
			case received := <-others:
				c.mutex.Lock()
				c.send(received.(syscall.Signal))
				c.mutex.Unlock()
			}
		}
	}()
	return c
}

func (c *control) send(number syscall.Signal) {
	if c.group != 0 {
		_ = syscall.Kill(-c.group, number)
	}
}

func (c *control) end(number syscall.Signal) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.send(number)
	if !c.told.IsZero() {
		return
	}
	c.told = time.Now()
	time.AfterFunc(c.grace+limits.StoppedEndTimeout, c.stopAll)
	c.stopped = c.phase != ending && !c.timedOut
	switch c.phase {
	case beginning:
		c.stop()
	case running:
		c.killLater()
	case ending:
		// What the command has left may yet be kept.
		c.timers = append(c.timers, time.AfterFunc(c.grace, c.stop))
	}
}

// killLater kills the command after the grace. The mutex is held.
func (c *control) killLater() {
	c.timers = append(c.timers, time.AfterFunc(c.grace, func() {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.send(syscall.SIGKILL)
	}))
}

// begin starts the command by start, which returns its process, unless it was told to end.
func (c *control) begin(timeout time.Duration, start func() (pid int, err error)) error {
	c.mutex.Lock() // a signal that comes now is for the command
	defer c.mutex.Unlock()
	if c.stopped {
		return errStopped
	}
	pid, err := start()
	if err != nil {
		c.phase = ending
		return err
	}
	c.phase, c.group = running, pid
	if timeout > 0 {
		c.timers = append(c.timers, time.AfterFunc(timeout, c.timeOut))
	}
	return nil
}

func (c *control) timeOut() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.phase != running || c.stopped || c.timedOut {
		return
	}
	c.timedOut = true
	c.send(syscall.SIGTERM)
	c.killLater()
}

// ended says that the command has ended; it is not reaped yet, so that its number is nobody else's.
func (c *control) ended() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.phase = ending
	for _, timer := range c.timers {
		timer.Stop()
	}
}

// killGroup ends what of the command's group is left, and forgets the group.
func (c *control) killGroup() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.send(syscall.SIGKILL)
	c.group = 0
}

// state tells whether, and when, the attempt was told to end.
func (c *control) state() (stopped, timedOut bool, told time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.stopped, c.timedOut, c.told
}
