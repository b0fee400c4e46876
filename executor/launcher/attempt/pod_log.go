package attempt

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/penstock/penstock/launcher/limits"
)

// sink takes what the command and the launcher print: to the container's standard output, to a file as far as its limit
// goes, and the end of it to memory. Safe for concurrent use; one that prints may be held up by who reads the output.
type sink struct {
	output sync.Mutex // never taken while the other is held
	stdout int        // -1: nobody reads it any more

	mutex       sync.Mutex
	fd          int // -1: there is no file
	limit       int64
	written     int64
	dropped     int64
	failed      error
	atLineStart bool
	tail        []byte // at most twice limits.LogTailBytes
}

// openSink makes the file at the path, or none if that is empty.
func openSink(path string, limit int64) (*sink, error) {
	s := &sink{stdout: 1, fd: -1, limit: limit, atLineStart: true}
	if path == "" {
		return s, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return s, fmt.Errorf("the log cannot be written: %w", err)
	}
	// Whatever lies there: a link is not followed, a pipe not waited for, a terminal not taken.
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0o600)
	if err != nil {
		return s, fmt.Errorf("the log %s cannot be written: %w", path, err)
	}
	s.fd = fd
	return s, nil
}

func (s *sink) Write(text []byte) (int, error) {
	s.keep(text)
	s.print(text)
	return len(text), nil
}

func (s *sink) keep(text []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.tail = append(s.tail, text[max(0, len(text)-limits.LogTailBytes):]...)
	if extra := len(s.tail) - limits.LogTailBytes; extra > limits.LogTailBytes {
		s.tail = append(s.tail[:0], s.tail[extra:]...)
	}
	if s.fd < 0 {
		return
	}
	room := min(max(s.limit-s.written, 0), int64(len(text)))
	taken := s.append(text[:room])
	s.written += taken
	s.dropped += int64(len(text)) - taken
	if taken < room {
		s.limit = s.written // no holes in the text
	}
}

func (s *sink) append(text []byte) int64 {
	done, err := writeAll(s.fd, text)
	if err != nil {
		s.failed = err
	}
	if done > 0 {
		s.atLineStart = text[done-1] == '\n'
	}
	return int64(done)
}

// print goes past os.Stdout, which would end the process when nobody reads it any more.
func (s *sink) print(text []byte) {
	s.output.Lock()
	defer s.output.Unlock()
	if s.stdout >= 0 {
		if _, err := writeAll(s.stdout, text); err != nil {
			s.stdout = -1
		}
	}
}

func writeAll(fd int, text []byte) (done int, err error) {
	for done < len(text) {
		n, err := unix.Write(fd, text[done:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		case err != nil:
			return done, err
		default:
			done += n
		}
	}
	return done, nil
}

// lastWords are the end of all that was printed.
func (s *sink) lastWords() []byte {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]byte(nil), s.tail[max(0, len(s.tail)-limits.LogTailBytes):]...)
}

// close ends the file, in the words of executor/local/runner/log_sink.cc if it lacks something. What is printed from now
// on goes to the container's output alone.
func (s *sink) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.fd < 0 {
		return
	}
	if s.dropped > 0 {
		why, unit := fmt.Sprintf("its limit is %d bytes", s.limit), ""
		if s.failed != nil {
			why, unit = "the disk did not take more ("+reasonOf(s.failed)+")", "bytes "
		}
		line := fmt.Sprintf("[penstock] The log ends here: %s, %d more %swere dropped.\n", why, s.dropped, unit)
		if !s.atLineStart {
			line = "\n" + line
		}
		s.append([]byte(line))
	}
	unix.Close(s.fd)
	s.fd = -1
}
