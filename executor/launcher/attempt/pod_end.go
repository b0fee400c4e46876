package attempt

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/penstock/penstock/launcher/limits"
	"github.com/penstock/penstock/launcher/stores"
	"github.com/penstock/penstock/launcher/uri"
)

// refusePod ends an attempt whose request makes no sense.
func refusePod(err error, terminationPath string) int {
	fmt.Fprintf(os.Stderr, "penstock: %v\n", err)
	ended := Ended{Error: err.Error(), FinishedAtUs: time.Now().UnixMicro(), Machine: machineBelow("")}
	if terminationPath != "" {
		if err := writeTermination(terminationPath, last(ended)); err != nil {
			fmt.Fprintf(os.Stderr, "penstock: %v\n", err)
		}
	}
	return ExitFailed
}

// conclude tells the end to the executor's program and by the termination file.
func (p *pod) conclude(ctx context.Context) int {
	p.reporter.endProgress()
	text := encoded(&Result{Outputs: p.outputs, Ended: &p.ended})
	reported := false
	if p.reporter != nil {
		err := p.reporter.result(text)
		if reported = err == nil; err != nil {
			p.say("the end of the attempt cannot be reported: %v", err)
		}
	}
	if err := writeTermination(p.request.Pod.TerminationPath, p.place(ctx, text, reported)); err != nil {
		p.say("%v", err)
	}
	return p.code
}

// place finds where the result fits. If that is nowhere the attempt has failed.
func (p *pod) place(ctx context.Context, text []byte, reported bool) []byte {
	if termination := within(text); termination != nil {
		return termination
	}
	if needed := p.ended; !p.succeeded() {
		needed.LogTail = needed.LogTail[max(0, len(needed.LogTail)-limits.LogTailNeededBytes):]
		if termination := within(encoded(&Result{Outputs: p.outputs, Ended: &needed})); termination != nil {
			return termination
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limits.ResultPostsTimeout)
	defer cancel()
	if p.request.Pod.ResultURI != "" {
		err := p.upload(ctx, text)
		if err == nil {
			return encoded(&Termination{ResultURI: p.request.Pod.ResultURI})
		}
		p.say("the result is not kept at %s: %v", p.request.Pod.ResultURI, err)
	}
	// A failure is told sooner with less of the log.
	if !reported && p.succeeded() && p.reporter != nil {
		err := p.reporter.resultAtLast(ctx, text)
		if reported = err == nil; err != nil {
			p.say("the result cannot be reported: %v", err)
		}
	}
	if reported {
		return encoded(&Termination{Reported: true})
	}
	if p.succeeded() {
		p.ended = Ended{Error: fmt.Sprintf("What the task left is %d bytes, more than fit into a pod's termination message; give the run a pipeline root in an object store, or let pods reach the server (report)", len(text)),
			Notes: p.ended.Notes, StartedAtUs: p.ended.StartedAtUs, FinishedAtUs: p.ended.FinishedAtUs, CPUUs: p.ended.CPUUs,
			MaxRSSBytes: p.ended.MaxRSSBytes, LogTail: p.sink.lastWords(), Machine: p.ended.Machine}
		p.code = ExitFailed
		p.say("%s", p.ended.Error)
	}
	return last(p.ended)
}

// last is the result with as much of what is long as fits.
func last(ended Ended) []byte {
	ended.ExecutorOutput, ended.ParameterFiles = nil, nil
	for {
		if termination := within(encoded(&Result{Outputs: []Output{}, Ended: &ended})); termination != nil {
			return termination
		}
		if len(ended.LogTail) == 0 {
			break
		}
		// A little less, until it fits.
		ended.LogTail = ended.LogTail[(len(ended.LogTail)+7)/8:]
	}
	short := func(text string) string { return text[:min(len(text), limits.TerminationErrorBytes)] }
	ended.Error, ended.OutputsError, ended.Notes, ended.Machine = short(ended.Error), short(ended.OutputsError), "", nil
	return encoded(&Termination{Result: encoded(&Result{Outputs: []Output{}, Ended: &ended})})
}

// within is the termination that holds the result itself; nil if it does not fit.
func within(text []byte) []byte {
	plain := encoded(&Termination{Result: text})
	if len(plain) <= TerminationBytes {
		return plain
	}
	var packed bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = writer.Write(text)
	_ = writer.Close()
	if termination := encoded(&Termination{Gzipped: packed.Bytes()}); len(termination) <= TerminationBytes {
		return termination
	}
	return nil
}

func encoded(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// upload puts the result into the store; its calls are tried again as all calls of stores are.
func (p *pod) upload(ctx context.Context, text []byte) error {
	if p.opener == nil {
		return errors.New("the stores' settings were not read")
	}
	l, err := uri.Parse(p.request.Pod.ResultURI)
	if err != nil {
		return err
	}
	bucket, err := p.opener.Open(ctx, l)
	if err != nil {
		return err
	}
	_, err = bucket.Put(ctx, l.Key, bytes.NewReader(text), int64(len(text)), stores.Put{MediaType: "application/json"})
	return err
}

// writeTermination writes by one call, so that the file has all or nothing. It is the kubelet's, in a directory that may
// be read-only: it is not replaced.
func writeTermination(path string, text []byte) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o666)
	if err == nil {
		_, err = unix.Write(fd, text)
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("the termination message cannot be written to %s: %w", path, err)
	}
	return nil
}
