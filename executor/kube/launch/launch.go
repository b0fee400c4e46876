// Package launch holds the shapes that penstock-launch reads and writes in a pod, as far as this program looks at them:
// launcher/attempt/request.go has them all.
package launch

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	"github.com/penstock/penstock/kube/limits"
)

// Report is where an attempt tells what becomes of it.
type Report struct {
	URL   string `json:"url"`
	ID    string `json:"id"`
	Token string `json:"token"`
}

// Gang is which of an attempt's pods it is.
type Gang struct {
	Rank int `json:"rank"`
	Size int `json:"size"`
}

// Met is what a pod of a gang is told when its command may begin.
type Met struct {
	Master string `json:"master"`
}

// Progress is told when it changes.
type Progress struct {
	Started bool   `json:"started,omitempty"`
	Content string `json:"content,omitempty"`
}

// Termination is the content of the termination file.
type Termination struct {
	Result    json.RawMessage `json:"result,omitempty"`
	Gzipped   []byte          `json:"gzipped,omitempty"`
	ResultURI string          `json:"result_uri,omitempty"`
	Reported  bool            `json:"reported,omitempty"`
}

// Result is as much of a Result as tells how the attempt ended.
type Result struct {
	Outputs []json.RawMessage `json:"outputs"`
	Ended   *Ended            `json:"ended,omitempty"`
}

// Ended is how the command ended.
type Ended struct {
	ExitCode       int               `json:"exit_code"`
	Signal         int               `json:"signal,omitempty"`
	Error          string            `json:"error,omitempty"`
	TimedOut       bool              `json:"timed_out,omitempty"`
	Stopped        bool              `json:"stopped,omitempty"`
	StartedAtUs    int64             `json:"started_at_us,omitempty"`
	FinishedAtUs   int64             `json:"finished_at_us"`
	ParameterFiles map[string][]byte `json:"parameter_files,omitempty"`
}

// ParseResult takes a Result apart; one that does not tell how the command ended is an error.
func ParseResult(text []byte) (*Result, error) {
	var result Result
	if err := json.Unmarshal(text, &result); err != nil {
		return nil, fmt.Errorf("the launcher's result is no JSON that this program knows: %v", err)
	}
	if result.Ended == nil {
		return nil, fmt.Errorf("the launcher's result does not tell how the command ended")
	}
	return &result, nil
}

// ParseTermination takes a termination message apart, and unpacks its result. Nil if the launcher wrote none: the kubelet
// may put its own words or the end of the log there.
func ParseTermination(message string) *Termination {
	var termination Termination
	if len(message) > limits.TerminationBytes || json.Unmarshal([]byte(message), &termination) != nil {
		return nil
	}
	if len(termination.Gzipped) > 0 {
		text, err := unzip(termination.Gzipped)
		if err != nil {
			return nil
		}
		termination.Result, termination.Gzipped = text, nil
	}
	if len(termination.Result) == 0 && termination.ResultURI == "" && !termination.Reported {
		return nil
	}
	return &termination
}

func unzip(packed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(reader, limits.ReportBytes+1))
	if err == nil && len(text) > limits.ReportBytes {
		err = fmt.Errorf("more than %d bytes", limits.ReportBytes)
	}
	return text, err
}

// Pack makes a request the arguments of "penstock-launch pod".
func Pack(request []byte) ([]string, error) {
	var packed bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := writer.Write(request); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	text := base64.StdEncoding.EncodeToString(packed.Bytes())
	if len(text) > limits.RequestArgsBytes {
		return nil, fmt.Errorf("what the task is given takes %d bytes in its pod, compressed, and more than %d do not fit; "+
			"pass large values as artifacts", len(text), limits.RequestArgsBytes)
	}
	var arguments []string
	for len(text) > limits.ArgumentBytes {
		arguments, text = append(arguments, text[:limits.ArgumentBytes]), text[limits.ArgumentBytes:]
	}
	return append(arguments, text), nil
}

// Unpack is the reverse of Pack.
func Unpack(arguments []string) ([]byte, error) {
	var text []byte
	for _, argument := range arguments {
		text = append(text, argument...)
	}
	packed, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, err
	}
	return unzip(packed)
}
