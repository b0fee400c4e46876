package attempts

import (
	"context"
	"errors"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/reports"
)

// ErrSuperseded: another stream drives now.
var ErrSuperseded = errors.New("another stream has taken over")

// Session is what is to be told to whoever drives.
type Session struct {
	store *reports.Store

	mu     sync.Mutex
	events []told
	more   chan struct{}
	closed bool
}

type told struct {
	event  *pb.Event
	stored string // the attempt whose result is in the store; empty: the event has all
}

// Open begins a session; the one before ends.
func (d *Driver) Open() *Session {
	session := &Session{store: d.Store, more: make(chan struct{}, 1)}
	session.push(&pb.Event{Event: &pb.Event_Driving{Driving: true}}, "")
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != nil {
		d.session.close()
	}
	d.session, d.reattached = session, false
	for _, a := range d.attempts {
		a.claimed = false
	}
	return session
}

// Leave ends a session that has no one to listen.
func (d *Driver) Leave(session *Session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	session.close()
	if d.session == session {
		d.session, d.reattached = nil, false
	}
}

func (s *Session) push(event *pb.Event, stored string) {
	s.mu.Lock()
	s.events = append(s.events, told{event, stored})
	s.mu.Unlock()
	s.signal()
}

func (s *Session) signal() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *Session) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal()
}

// Next waits for an event; ErrSuperseded once the session is closed.
func (s *Session) Next(ctx context.Context) (*pb.Event, error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			s.signal()
			return nil, ErrSuperseded
		}
		if len(s.events) > 0 {
			next := s.events[0]
			s.events[0] = told{}
			s.events = s.events[1:]
			s.mu.Unlock()
			return s.whole(next), nil
		}
		s.mu.Unlock()
		select {
		case <-s.more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// whole puts the stored result into an end.
func (s *Session) whole(next told) *pb.Event {
	if next.stored == "" {
		return next.event
	}
	event := proto.CloneOf(next.event)
	event.GetFinished().Result, _ = s.store.Read(next.stored)
	return event
}

// attemptOf is the attempt that a pod's name tells.
func attemptOf(pod string) (string, bool) { return strings.CutPrefix(pod, "penstock-") }

// emit tells what concerns an attempt, if the session has claimed it.
func (d *Driver) emit(a *attempt, event *pb.Event, stored string) {
	if d.session != nil && a.claimed {
		d.session.push(event, stored)
	}
}

func (d *Driver) tellWaiting(a *attempt, wait pb.Wait, words string) {
	if a.toldWait != nil && a.toldWait.Wait == wait && a.toldWait.Message == words {
		return
	}
	a.toldWait = &pb.Waiting{AttemptId: a.id, Wait: wait, Message: words}
	if a.gang != nil {
		d.review(a.gang)
		return
	}
	d.emit(a, &pb.Event{Event: &pb.Event_Waiting{Waiting: a.toldWait}}, "")
}

func (d *Driver) tellStarted(a *attempt, atUs int64) {
	a.started, a.toldWait, a.order = true, nil, nil
	if a.gang != nil {
		d.review(a.gang)
		return
	}
	d.emit(a, &pb.Event{Event: &pb.Event_Started{Started: &pb.Started{AttemptId: a.id, AtUs: atUs}}}, "")
}

func (d *Driver) tellFinished(a *attempt) {
	if a.gang != nil {
		d.review(a.gang)
		return
	}
	stored := ""
	if a.stored {
		stored = a.id
	}
	d.Metrics.Ended(a.finished.Outcome.String(), a.finished.Reason)
	d.emit(a, &pb.Event{Event: &pb.Event_Finished{Finished: a.finished}}, stored)
}

// retell says again what was told last, to a session that has not heard it.
func (d *Driver) retell(a *attempt) {
	switch {
	case a.gang != nil:
		d.retellGang(a.gang)
	case a.finished != nil:
		d.tellFinished(a)
	case a.toldWait != nil:
		if a.started {
			d.tellStartedAgain(a)
		}
		d.emit(a, &pb.Event{Event: &pb.Event_Waiting{Waiting: a.toldWait}}, "")
	case a.started:
		d.tellStartedAgain(a)
	}
}

func (d *Driver) tellStartedAgain(a *attempt) {
	at := micros(read(a.pod, a.heard).startedAt)
	d.emit(a, &pb.Event{Event: &pb.Event_Started{Started: &pb.Started{AttemptId: a.id, AtUs: at}}}, "")
}
