package reports

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/limits"
)

// Listener is told what comes in, of which of an attempt's pods; rank 0 is also that of an only one. It must not block,
// but for Ready.
type Listener interface {
	Progressed(id string, rank int, progress launch.Progress)
	// Reported: the result is in the store.
	Reported(id string, rank int)
	// Ready: the pod could begin. It waits until all of its attempt may, and tells where rank 0 is; empty if ctx ended.
	Ready(ctx context.Context, id string, rank int) (master string)
}

// Door answers launchers over HTTP.
type Door struct {
	store    *Store
	listener Listener
	log      *slog.Logger
	places   chan struct{}
	metrics  http.Handler // of GET /metrics; nil: there are none
}

// NewDoor is not open yet.
func NewDoor(store *Store, listener Listener, log *slog.Logger, metrics http.Handler) *Door {
	return &Door{store: store, listener: listener, log: log, places: make(chan struct{}, limits.Reports), metrics: metrics}
}

// Serve answers until ctx ends.
func (d *Door) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: d, ReadTimeout: limits.ReportReadTimeout, IdleTimeout: limits.ReportIdleTimeout,
		ReadHeaderTimeout: limits.CallTimeout, MaxHeaderBytes: limits.ReportHeaderBytes,
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelDebug)}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(&bounded{Listener: listener, places: make(chan struct{}, limits.ReportConnections)})
	if errors.Is(err, http.ErrServerClosed) && ctx.Err() != nil {
		return nil
	}
	return err
}

// ServeHTTP takes POST /attempts/ID/progress, /attempts/ID/log, /attempts/ID/result and /attempts/ID/ready, below any
// path.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/metrics" && r.Method == http.MethodGet && d.metrics != nil {
		d.metrics.ServeHTTP(w, r)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 3 || parts[len(parts)-3] != "attempts" {
		http.Error(w, "there is nothing here", http.StatusNotFound)
		return
	}
	id, what := parts[len(parts)-2], parts[len(parts)-1]
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !identifier.MatchString(id) || !d.store.knows(id, token) {
		http.Error(w, "the token is not that of this attempt", http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "reports are posted", http.StatusMethodNotAllowed)
		return
	}
	rank, ok := rankOf(r)
	if !ok {
		http.Error(w, "rank must be which of the attempt's pods this is", http.StatusBadRequest)
		return
	}
	if what == "ready" { // waits, and so takes no place
		d.ready(w, r, id, rank)
		return
	}
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	case <-r.Context().Done():
		return
	}
	switch what {
	case "progress":
		d.progress(w, r, id, rank)
	case "log":
		d.printed(w, r, Key(id, rank))
	case "result":
		d.result(w, r, id, rank)
	default:
		http.Error(w, "there is nothing here", http.StatusNotFound)
	}
}

// rankOf is what the query says; 0 if it does not.
func rankOf(r *http.Request) (int, bool) {
	text := r.URL.Query().Get("rank")
	if text == "" {
		return 0, true
	}
	rank, err := strconv.Atoi(text)
	return rank, err == nil && rank >= 0 && rank < limits.PodsOfAttempt
}

// ready answers once all pods of the attempt are, or after a while that they are not: then it is asked again.
func (d *Door) ready(w http.ResponseWriter, r *http.Request, id string, rank int) {
	var said struct{ Rank *int }
	text, ok := body(w, r, limits.ProgressBytes)
	if !ok {
		return
	}
	if err := json.Unmarshal(text, &said); err != nil || said.Rank == nil || *said.Rank != rank {
		http.Error(w, "this does not say which of the attempt's pods is ready", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), limits.ReadyLongest)
	defer cancel()
	master := d.listener.Ready(ctx, id, rank)
	w.Header().Set("Content-Type", "application/json")
	if master == "" {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	_ = json.NewEncoder(w).Encode(launch.Met{Master: master})
}

func (d *Door) progress(w http.ResponseWriter, r *http.Request, id string, rank int) {
	var progress launch.Progress
	text, ok := body(w, r, limits.ProgressBytes)
	if !ok {
		return
	}
	if err := json.Unmarshal(text, &progress); err != nil {
		http.Error(w, "this is no progress: "+err.Error(), http.StatusBadRequest)
		return
	}
	d.listener.Progressed(id, rank, progress)
	w.WriteHeader(http.StatusOK)
}

func (d *Door) printed(w http.ResponseWriter, r *http.Request, key string) {
	offset, err := strconv.ParseInt(r.URL.Query().Get("offset_bytes"), 10, 64)
	if err != nil {
		http.Error(w, "offset_bytes must be where the bytes begin", http.StatusBadRequest)
		return
	}
	text, ok := body(w, r, limits.LogRangeBytes)
	if !ok {
		return
	}
	switch err := d.store.WriteLog(key, offset, text); {
	case errors.Is(err, ErrRange):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		d.log.Error("a log cannot be kept", "attempt", key, "error", err)
		http.Error(w, "the log cannot be kept now", http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (d *Door) result(w http.ResponseWriter, r *http.Request, id string, rank int) {
	text, ok := body(w, r, limits.ReportBytes)
	if !ok {
		return
	}
	if _, err := launch.ParseResult(text); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := d.store.Write(Key(id, rank), text); err != nil {
		d.log.Error("a result cannot be kept", "attempt", id, "rank", rank, "error", err)
		http.Error(w, "the result cannot be kept now", http.StatusServiceUnavailable)
		return
	}
	d.listener.Reported(id, rank)
	w.WriteHeader(http.StatusOK)
}

func body(w http.ResponseWriter, r *http.Request, bound int64) ([]byte, bool) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bound))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		http.Error(w, "the report is too large", http.StatusRequestEntityTooLarge)
		return nil, false
	}
	if err != nil {
		http.Error(w, "the report did not come whole", http.StatusBadRequest)
		return nil, false
	}
	return text, true
}

// bounded is a listener that has so many connections at once, and lets others wait.
type bounded struct {
	net.Listener
	places chan struct{}
}

func (b *bounded) Accept() (net.Conn, error) {
	b.places <- struct{}{} // if it is full, the kernel holds what comes
	connection, err := b.Listener.Accept()
	if err != nil {
		<-b.places
		return nil, err
	}
	return &counted{Conn: connection, places: b.places}, nil
}

type counted struct {
	net.Conn
	places chan struct{}
	once   sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { <-c.places })
	return c.Conn.Close()
}
