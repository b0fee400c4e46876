// Package home knows the data directory: which server runs on it, and how one is started and ended.
package home

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	recordName = "server.json" // of the server that `up` started
	logName    = "server.log"
	lockName   = "lock" // holds the process id of whatever server runs
	program    = "penstock"

	endLooks = 20 * time.Millisecond
)

// Dir is a data directory.
type Dir struct{ Path string }

// Find is the named directory, else that of $PENSTOCK_DATA_DIR, else ~/.penstock.
func Find(named string, getenv func(string) string) (Dir, error) {
	path := named
	if path == "" {
		path = getenv("PENSTOCK_DATA_DIR")
	}
	if path == "" {
		path = "~/.penstock"
	}
	if rest, isHome := strings.CutPrefix(path, "~"); isHome && (rest == "" || rest[0] == '/') {
		folder := getenv("HOME")
		if folder == "" {
			return Dir{}, errors.New("HOME is not set: name a data directory with --data_dir=DIR")
		}
		path = folder + rest
	}
	absolute, err := filepath.Abs(path)
	return Dir{absolute}, err
}

// Log is where a server that `up` started writes.
func (d Dir) Log() string { return filepath.Join(d.Path, logName) }

func (d Dir) record() string { return filepath.Join(d.Path, recordName) }

// Server that runs on a data directory.
type Server struct {
	PID         int    `json:"pid"`
	HTTPAddress string `json:"http_address"` // empty if `up` did not start it
	GRPCAddress string `json:"grpc_address"`
}

// URL is the server's address for HTTP; empty if it is not known.
func (s Server) URL() string {
	host, port, isPort := strings.Cut(s.HTTPAddress, ":")
	switch {
	case s.HTTPAddress == "":
		return ""
	case host == "unix":
		return s.HTTPAddress
	case strings.HasPrefix(s.HTTPAddress, "["):
		// What stands for all addresses of the machine is none that one connects to.
		return "http://" + strings.Replace(s.HTTPAddress, "[::]", "[::1]", 1)
	case isPort && (host == "" || host == "0.0.0.0"):
		return "http://127.0.0.1:" + port
	}
	return "http://" + s.HTTPAddress
}

// Running is the server that runs on the directory.
func (d Dir) Running() (Server, bool) {
	pid := d.lockHolder()
	if pid == 0 {
		return Server{}, false
	}
	if recorded, ok := d.recorded(); ok && recorded.PID == pid {
		return recorded, true
	}
	return Server{PID: pid}, true
}

func (d Dir) recorded() (Server, bool) {
	var server Server
	text, err := os.ReadFile(d.record())
	if err != nil || json.Unmarshal(text, &server) != nil {
		return Server{}, false
	}
	return server, true
}

// The process in the file is long gone if the server was killed, and its id may be another program's.
func (d Dir) lockHolder() int {
	text, err := os.ReadFile(filepath.Join(d.Path, lockName))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 || !isServer(pid) {
		return 0
	}
	return pid
}

func isServer(pid int) bool {
	if !isAlive(pid) {
		return false
	}
	name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return err != nil || strings.TrimSpace(string(name)) == program
}

// isAlive is false also for a process that only waits to be collected.
func isAlive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// End asks the server to end, and waits until it has; false if it still runs after that time.
func (s Server) End(patience time.Duration) (bool, error) {
	if err := syscall.Kill(s.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return false, err
	}
	for deadline := time.Now().Add(patience); isAlive(s.PID); time.Sleep(endLooks) {
		if time.Now().After(deadline) {
			return false, nil
		}
	}
	return true, nil
}
