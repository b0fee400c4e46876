package attempt

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/penstock/penstock/launcher/limits"
)

// Where a kubelet reads how a container ended unless the pod says otherwise.
const usualTerminationPath = "/dev/termination-log"

// readPodRequest takes the request from the chunks that the launcher's arguments are. The path is where to say so if it
// makes no sense; empty: nowhere.
func readPodRequest(version string, chunks []string) (request *Request, terminationPath string, err error) {
	if _, err := os.Stat(usualTerminationPath); err == nil {
		terminationPath = usualTerminationPath
	}
	text, err := unpack(chunks)
	if err != nil {
		return nil, terminationPath, fmt.Errorf("The request of the attempt, in the launcher's arguments, makes no sense: %w", err) //nolint:staticcheck // a sentence for users
	}
	var where struct {
		Pod struct {
			TerminationPath string `json:"termination_path"`
		} `json:"pod"`
	}
	if json.Unmarshal(text, &where) == nil && where.Pod.TerminationPath != "" {
		terminationPath = where.Pod.TerminationPath
	}
	request = &Request{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(request); err == nil {
		err = request.checkPod()
	}
	if err == nil {
		return request, terminationPath, nil
	}
	if field, is := strings.CutPrefix(err.Error(), "json: unknown field "); is {
		return nil, terminationPath, fmt.Errorf("The request of the attempt has the field %s, which this launcher does not know: it is of version %s, and "+ //nolint:staticcheck // a sentence for users
			"the server that asks is of another; the launcher's image has to be of the server's version", field, version)
	}
	return nil, terminationPath, fmt.Errorf("The request of the attempt makes no sense to this launcher, which is of version %s: %w", version, err) //nolint:staticcheck // a sentence for users
}

func unpack(chunks []string) ([]byte, error) {
	packed, err := base64.StdEncoding.DecodeString(strings.Join(chunks, ""))
	if err != nil {
		return nil, err
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(unpacked, limits.RequestBytes+1))
	if err == nil && len(text) > limits.RequestBytes {
		err = fmt.Errorf("it has more than %d bytes", limits.RequestBytes)
	}
	return text, err
}

func (request *Request) checkPod() error {
	pod := request.Pod
	switch {
	case pod == nil:
		return errors.New("it says nothing of a pod")
	case len(request.Command) == 0:
		return errors.New("it has no command")
	case !filepath.IsAbs(pod.StateDir):
		return fmt.Errorf("state_dir is %q, which is no absolute path", pod.StateDir)
	case !filepath.IsAbs(pod.TerminationPath):
		return fmt.Errorf("termination_path is %q, which is no absolute path", pod.TerminationPath)
	case pod.Gang != nil && (pod.Gang.Size < 2 || pod.Gang.Rank < 0 || pod.Gang.Rank >= pod.Gang.Size):
		return fmt.Errorf("its gang has the rank %d of %d pods", pod.Gang.Rank, pod.Gang.Size)
	case request.Log != nil && !filepath.IsAbs(request.Log.Path):
		return fmt.Errorf("the log's path is %q, which is no absolute path", request.Log.Path)
	}
	return nil
}

// prepare makes what nobody else makes in a pod.
func (p *pod) prepare() error {
	request := p.request.Pod
	for _, directory := range append([]string{request.StateDir}, request.Directories...) {
		if err := os.MkdirAll(directory, 0o777); err != nil {
			return fmt.Errorf("The directory %s cannot be made: %w", directory, cause(err)) //nolint:staticcheck // a sentence for users
		}
	}
	for _, file := range request.Files {
		err := os.MkdirAll(filepath.Dir(file.Path), 0o777)
		if err == nil {
			err = os.WriteFile(file.Path, file.Text, 0o666)
		}
		if err != nil {
			return fmt.Errorf("The file %s cannot be written: %w", file.Path, cause(err)) //nolint:staticcheck // a sentence for users
		}
	}
	// Before the command can put something else in their place.
	p.roots = realPaths(request.Directories)
	return p.request.setEnvironment()
}

// cause is the error without the path.
func cause(err error) error {
	var of *os.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
