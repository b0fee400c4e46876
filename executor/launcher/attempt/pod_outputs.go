package attempt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/penstock/penstock/launcher/limits"
)

// The rules and the sentences are those of executor/local/outputs.cc, which reads what tasks leave on the server's
// machine.

var errTooLarge = errors.New("too large")

// readBounded is the content of a file that may be growing.
func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, errTooLarge
	}
	return text, err
}

// realPaths are those of directories, links followed; what is not there is left out.
func realPaths(directories []string) []string {
	var real []string
	for _, directory := range directories {
		fd, err := unix.Open(directory, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		if path, err := os.Readlink(descriptorPath(fd)); err == nil {
			real = append(real, path)
		}
		unix.Close(fd)
	}
	return real
}

func descriptorPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func isBelow(path, root string) bool {
	return root == "/" || strings.HasPrefix(path, root+"/")
}

func refuse(what, path, why string) error {
	return fmt.Errorf("%s cannot be taken: the file %s %s.", what, path, why) //nolint:staticcheck // a sentence for users
}

// reasonOf is what C's library says of the error.
func reasonOf(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return capital(errno.Error())
	}
	return err.Error()
}

// readOutput is nil if there is no such file. It looks before it opens: opening a device or a pipe may act or block.
func readOutput(roots []string, path string, limit int64, what string) ([]byte, error) {
	place, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return nil, nil
	}
	if err != nil {
		return nil, refuse(what, path, "cannot be opened ("+reasonOf(err)+")")
	}
	defer unix.Close(place)
	var info unix.Stat_t
	if err := unix.Fstat(place, &info); err != nil || info.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, refuse(what, path, "is not a regular file")
	}
	real, err := os.Readlink(descriptorPath(place))
	if err != nil || !slices.ContainsFunc(roots, func(root string) bool { return isBelow(real, root) }) {
		return nil, refuse(what, path, "leads out of the task's directories through a symbolic link")
	}
	if info.Size > limit {
		return nil, refuse(what, path, fmt.Sprintf("has %d bytes, the limit is %d", info.Size, limit))
	}
	// Through the descriptor that was looked at, so that what is opened is what was checked.
	text, err := readBounded(descriptorPath(place), limit)
	var notOpened *os.PathError
	switch {
	case errors.Is(err, errTooLarge):
		return nil, refuse(what, path, fmt.Sprintf("is larger than the limit of %d bytes", limit))
	case errors.As(err, &notOpened) && notOpened.Op == "open":
		return nil, refuse(what, path, "cannot be opened ("+reasonOf(err)+")")
	case err != nil:
		return nil, refuse(what, path, "cannot be read ("+reasonOf(err)+")")
	}
	return text, nil
}

// readLeft reads what the command has left into ended.
func (p *pod) readLeft() error {
	request := p.request.Pod
	if request.ExecutorOutput != "" {
		text, err := readOutput(p.roots, request.ExecutorOutput, limits.ExecutorOutputBytes, "The executor output")
		if err != nil {
			return err
		}
		p.ended.ExecutorOutput = text
	}
	total := 0
	for _, file := range request.ParameterFiles {
		what := "Output parameter '" + file.Name + "'"
		text, err := readOutput(p.roots, file.Path, limits.OutputParameterBytes, what)
		if err != nil {
			return err
		}
		if text == nil {
			continue
		}
		if total += len(text); total > limits.ParameterFilesBytes {
			return refuse(what, file.Path, fmt.Sprintf("takes all output parameters together over the limit of %d bytes", limits.ParameterFilesBytes))
		}
		if p.ended.ParameterFiles == nil {
			p.ended.ParameterFiles = map[string][]byte{}
		}
		p.ended.ParameterFiles[file.Name] = text
	}
	return nil
}
