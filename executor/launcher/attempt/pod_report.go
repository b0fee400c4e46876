package attempt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/launcher/limits"
)

// reporter tells the executor's program what becomes of the attempt. A nil one tells nobody.
type reporter struct {
	to     Report
	gang   *Gang // nil: the attempt has one pod
	client *http.Client
	wake   chan struct{}
	stop   func()
	done   chan struct{}

	mutex sync.Mutex
	now   Progress
}

// newReporter begins to tell of progress.
func newReporter(of *Pod) *reporter {
	if of.Report == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	// The program is in the cluster, where the task's proxy does not lead.
	r := &reporter{to: *of.Report, gang: of.Gang, client: &http.Client{Transport: &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		wake: make(chan struct{}, 1), stop: cancel, done: make(chan struct{})}
	go r.tellProgress(ctx)
	return r
}

// change has the progress told soon.
func (r *reporter) change(by func(*Progress)) {
	if r == nil {
		return
	}
	r.mutex.Lock()
	by(&r.now)
	r.mutex.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) tellProgress(ctx context.Context) {
	defer close(r.done)
	var told Progress
	pause := limits.ProgressInterval
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		r.mutex.Lock()
		now := r.now
		r.mutex.Unlock()
		if now == told {
			continue
		}
		text, _ := json.Marshal(now)
		inner, cancel := context.WithTimeout(ctx, limits.ProgressPostTimeout)
		err := r.post(inner, "progress", text)
		cancel()
		if err == nil {
			told, pause = now, limits.ProgressInterval
		} else {
			pause = min(2*pause, limits.ProgressPostLongest)
			r.change(func(*Progress) {}) // again
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// endProgress returns once nothing is told of progress any more.
func (r *reporter) endProgress() {
	if r != nil {
		r.stop()
		<-r.done
	}
}

// A refusal is not asked about again.
type refusal struct{ error }

func (r *reporter) post(ctx context.Context, what string, text []byte) error {
	status, _, err := r.call(ctx, what, text)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the answer to %s has status %d", what, status)
	}
	return err
}

// place is where something is told.
func (r *reporter) place(what string) string {
	to := strings.TrimSuffix(r.to.URL, "/") + "/attempts/" + url.PathEscape(r.to.ID) + "/" + what
	if r.gang == nil {
		return to
	}
	mark := "?"
	if strings.Contains(what, "?") {
		mark = "&"
	}
	return fmt.Sprintf("%s%srank=%d", to, mark, r.gang.Rank)
}

// call is answered with 200 or 202, or there is an error.
func (r *reporter) call(ctx context.Context, what string, text []byte) (status int, said []byte, err error) {
	to := r.place(what)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(text))
	if err != nil {
		return 0, nil, refusal{err}
	}
	request.Header.Set("Authorization", "Bearer "+r.to.Token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := r.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	said, _ = io.ReadAll(io.LimitReader(answer.Body, limits.AnswerBytes))
	if answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusAccepted {
		return answer.StatusCode, said, nil
	}
	err = fmt.Errorf("%s answers with status %d: %s", to, answer.StatusCode, words(string(said)))
	if slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge}, answer.StatusCode) {
		return 0, nil, refusal{err}
	}
	return 0, nil, err
}

// sendLog tells what the file holds, in ranges; what does not arrive is told again while there is time.
func (r *reporter) sendLog(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := make([]byte, limits.LogRangeBytes)
	for offset := int64(0); ; {
		n, err := file.ReadAt(buffer, offset)
		if n == 0 {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if err := r.postAgain(ctx, fmt.Sprintf("log?offset_bytes=%d", offset), buffer[:n]); err != nil {
			return err
		}
		offset += int64(n)
	}
}

func (r *reporter) postAgain(ctx context.Context, what string, text []byte) error {
	for pause := limits.ResultPostDelay; ; pause = min(2*pause, limits.ResultPostDelayMost) {
		inner, cancel := context.WithTimeout(ctx, limits.ResultPostTryTimeout)
		err := r.post(inner, what, text)
		cancel()
		if err == nil || errors.As(err, &refusal{}) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// result tells the end, once.
func (r *reporter) result(text []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), limits.ResultPostTimeout)
	defer cancel()
	return r.post(ctx, "result", text)
}

// resultAtLast tells the end, if need be often.
func (r *reporter) resultAtLast(ctx context.Context, text []byte) error {
	select { // it was told once
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(limits.ResultPostDelay):
	}
	return r.postAgain(ctx, "result", text)
}
