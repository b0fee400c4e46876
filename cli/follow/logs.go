package follow

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/penstock/penstock/cli/api"
)

const (
	logsAtOnce = 32      // the server has a bound of its own
	longLine   = 1 << 20 // bytes; what is longer comes in pieces
)

// Printer takes the lines of logs, without their ends. It is called by one at a time.
type Printer func(task api.Task, line []byte)

// Logs follows the logs of all tasks of a run, those that come later too. Update tells it how the run is.
type Logs struct {
	Client *api.Client
	RunID  string
	Print  Printer
	// Tail says where the log of an attempt is to begin; nil: at its beginning.
	Tail func(ctx context.Context, task string, attempt int) (int64, error)

	printing sync.Mutex
	slots    chan struct{}
	ended    sync.WaitGroup

	mutex sync.Mutex
	moved *sync.Cond
	tasks map[string]*seen
}

// What is known of a task.
type seen struct {
	task    api.Task
	changes int
	told    chan struct{} // closed when all of it is printed
}

// NewLogs follows nothing until the first Update.
func NewLogs(client *api.Client, runID string, print Printer) *Logs {
	logs := &Logs{Client: client, RunID: runID, Print: print, slots: make(chan struct{}, logsAtOnce), tasks: map[string]*seen{}}
	logs.moved = sync.NewCond(&logs.mutex)
	return logs
}

// Update begins to follow tasks that have begun. Everything it starts ends with ctx.
func (l *Logs) Update(ctx context.Context, run api.Run) {
	groups := Groups(run)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var begun []api.Task
	var before []<-chan struct{} // of tasks that have ended, whose logs come first
	for _, task := range run.Details.Tasks {
		known := l.tasks[task.TaskID]
		switch {
		case known == nil && hasBegun(run.Shown(task)) && !groups[task.TaskID]:
			begun = append(begun, task)
		case known != nil && (known.task.State != task.State || len(known.task.History) != len(task.History)):
			known.task = task
			known.changes++
		}
		if known != nil && api.HasEnded(task.State) {
			before = append(before, known.told)
		}
	}
	l.moved.Broadcast()
	slices.SortStableFunc(begun, func(a, b api.Task) int { return a.StartTime.Compare(b.StartTime) })
	for _, task := range begun {
		made := &seen{task: task, told: make(chan struct{})}
		l.tasks[task.TaskID] = made
		l.ended.Add(1)
		go l.follow(ctx, task.TaskID, made.told, slices.Clone(before))
		if api.HasEnded(task.State) {
			before = append(before, made.told)
		}
	}
}

// WaitFor returns when all that a task has printed is told, if it has ended.
func (l *Logs) WaitFor(ctx context.Context, taskID string) {
	l.mutex.Lock()
	known := l.tasks[taskID]
	l.mutex.Unlock()
	if known != nil {
		await(ctx, known.told)
	}
}

func await(ctx context.Context, done <-chan struct{}) {
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// What came from the cache has no log.
func hasBegun(state string) bool {
	return state == "RUNNING" || state == api.Succeeded || state == api.Failed || state == api.Canceled
}

// Wait returns when all that the tasks of the last Update have printed is told, if they have ended.
func (l *Logs) Wait() { l.ended.Wait() }

// One attempt after the other.
func (l *Logs) follow(ctx context.Context, taskID string, told chan<- struct{}, before []<-chan struct{}) {
	defer l.ended.Done()
	defer close(told)
	for _, done := range before {
		await(ctx, done)
	}
	stop := context.AfterFunc(ctx, func() {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		l.moved.Broadcast()
	})
	defer stop()
	for attempt := 1; ctx.Err() == nil; {
		task, changes := l.look(taskID)
		isThere, err := l.attempt(ctx, task, attempt)
		switch {
		case err != nil:
			l.tell(task, fmt.Appendf(nil, "(the log cannot be read: %s)", err))
			return
		case isThere:
			attempt++
		case api.HasEnded(task.State):
			return
		default:
			l.awaitChange(ctx, taskID, changes)
		}
	}
}

func (l *Logs) look(taskID string) (api.Task, int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	known := l.tasks[taskID]
	return known.task, known.changes
}

func (l *Logs) awaitChange(ctx context.Context, taskID string, changes int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for ctx.Err() == nil && l.tasks[taskID].changes == changes {
		l.moved.Wait()
	}
}

func (l *Logs) tell(task api.Task, line []byte) {
	l.printing.Lock()
	defer l.printing.Unlock()
	l.Print(task, line)
}

// attempt prints one attempt to its end; false if there is no such attempt.
func (l *Logs) attempt(ctx context.Context, task api.Task, number int) (bool, error) {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return false, nil
	}
	var pause api.Pause
	reader := LineReader{Take: func(line []byte) { l.tell(task, line) }}
	defer reader.Flush()
	placed := l.Tail == nil
	for {
		var err error
		if !placed {
			reader.Offset, err = l.Tail(ctx, task.TaskID, number)
			placed = err == nil
		}
		if err == nil {
			err = l.read(ctx, task, number, &reader)
		}
		if err == nil {
			pause.Reset()
		}
		var refused *api.Refused
		switch {
		case ctx.Err() != nil, err == nil:
			return err == nil, nil
		case api.IsNotFound(err):
			return reader.Offset > 0, nil
		case errors.As(err, &refused) && !api.IsPassing(err):
			return false, err
		}
		// Whatever broke off goes on where it was.
		if pause.Wait(ctx) != nil {
			return false, nil
		}
	}
}

func (l *Logs) read(ctx context.Context, task api.Task, number int, reader *LineReader) error {
	answer, err := l.Client.OpenLog(ctx, l.RunID, task.TaskID,
		api.LogPart{Attempt: number, Follow: true, Offset: reader.Offset})
	if err != nil {
		return err
	}
	return reader.Copy(answer)
}

// LineReader cuts a log into lines, over several answers.
type LineReader struct {
	Offset int64 // of what was read
	Take   func(line []byte)
	rest   []byte
}

// Copy reads the answer to its end, and closes it.
func (r *LineReader) Copy(answer *http.Response) error {
	defer answer.Body.Close()
	body := bufio.NewReaderSize(answer.Body, 64<<10)
	for {
		part, err := body.ReadSlice('\n')
		r.Offset += int64(len(part))
		r.rest = append(r.rest, part...)
		isWhole := err == nil
		if isWhole || len(r.rest) >= longLine {
			r.Flush()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// Flush tells what is left without the end of a line.
func (r *LineReader) Flush() {
	if len(r.rest) == 0 {
		return
	}
	line := r.rest
	if line[len(line)-1] == '\n' {
		line = line[:len(line)-1]
	}
	r.Take(line)
	r.rest = r.rest[:0]
}
