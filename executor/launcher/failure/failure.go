// Package failure tells the ways apart in which a store refuses a call.
package failure

import (
	"errors"
	"fmt"
)

// Kind says what may be done about a failure.
type Kind int

// The kinds of failures.
const (
	Other        Kind = iota
	Invalid           // no URI of an object, or a request that makes no sense
	NotFound          // there is no such object
	NoBucket          // there is no such bucket
	Settings          // settings that make no sense
	Denied            // the store refuses the credentials, or there are none
	Precondition      // the object is another one by now
	Unavailable       // the store does not answer, or says that it cannot now, after retries too
	Local             // of this machine: a file that cannot be read or written
)

// Error is one sentence for users, without a full stop.
type Error struct {
	Kind  Kind
	Text  string
	Cause error // may be nil; its text is in Text as far as users need it
}

func (e *Error) Error() string { return e.Text }

// Unwrap is for errors.Is, of context.Canceled above all.
func (e *Error) Unwrap() error { return e.Cause }

// New makes the sentence like fmt.Sprintf.
func New(kind Kind, format string, arguments ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, arguments...)}
}

// KindOf is Other for errors that are none of ours.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Other
}

// Is tells whether err is of the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
