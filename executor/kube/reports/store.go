// Package reports takes what attempts in pods tell, and keeps their results until they are committed.
package reports

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/penstock/penstock/kube/limits"
)

// Store keeps results below a directory, one file each.
type Store struct {
	directory string
	key       []byte
}

const (
	suffix   = ".json"
	keyBytes = 32
)

// Key is where what a pod of an attempt has reported lies: that of rank 0, or of an only pod, is the attempt's id.
func Key(id string, rank int) string {
	if rank == 0 {
		return id
	}
	return fmt.Sprintf("%s%s%d", id, rankMark, rank)
}

// IDOf is the attempt's id of a Key.
func IDOf(key string) string {
	id, _, _ := strings.Cut(key, rankMark)
	return id
}

const rankMark = ".rank-"

var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// Open uses DATA_DIR/results and DATA_DIR/report.key, and makes them if they are not there.
func Open(dataDir string) (*Store, error) {
	store := &Store{directory: filepath.Join(dataDir, "results")}
	if err := os.MkdirAll(store.directory, 0o700); err != nil {
		return nil, fmt.Errorf("results of attempts cannot be kept: %v", err)
	}
	entries, err := os.ReadDir(store.directory)
	if err != nil {
		return nil, fmt.Errorf("results of attempts cannot be read: %v", err)
	}
	for _, entry := range entries { // of a program that was killed
		if strings.HasSuffix(entry.Name(), ".tmp") {
			_ = os.Remove(filepath.Join(store.directory, entry.Name()))
		}
	}
	path := filepath.Join(dataDir, "report.key")
	store.key, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		store.key = make([]byte, keyBytes)
		_, _ = rand.Read(store.key) // never fails
		err = writeWhole(path, store.key)
	}
	if err != nil {
		return nil, fmt.Errorf("the key of reports %s: %v", path, err)
	}
	if len(store.key) != keyBytes {
		return nil, fmt.Errorf("the key of reports %s has %d bytes in place of %d; remove it, and a new one is made",
			path, len(store.key), keyBytes)
	}
	return store, nil
}

// Token is what the launcher of an attempt proves itself with.
func (s *Store) Token(id string) string {
	sum := hmac.New(sha256.New, s.key)
	sum.Write([]byte(id))
	return hex.EncodeToString(sum.Sum(nil))
}

func (s *Store) knows(id, token string) bool {
	return hmac.Equal([]byte(s.Token(id)), []byte(token))
}

func (s *Store) path(id string) (string, error) {
	if !identifier.MatchString(id) {
		return "", fmt.Errorf("%q is no attempt's id", id)
	}
	return filepath.Join(s.directory, id+suffix), nil
}

// Write keeps a result; it is on disk when this returns nil.
func (s *Store) Write(id string, result []byte) error {
	path, err := s.path(id)
	if err != nil {
		return err
	}
	return writeWhole(path, result)
}

// Read gives a result back; nil if there is none.
func (s *Store) Read(id string) ([]byte, error) {
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Remove forgets a result and a log, if there are any.
func (s *Store) Remove(id string) {
	if path, err := s.path(id); err == nil {
		_ = os.Remove(path)
		_ = os.Remove(logPath(path))
	}
}

func logPath(resultPath string) string { return strings.TrimSuffix(resultPath, suffix) + ".log" }

// WriteLog keeps bytes of a log. They are where they belong however often they are written; a hole is refused.
func (s *Store) WriteLog(id string, offset int64, text []byte) error {
	path, err := s.path(id)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(logPath(path), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if offset < 0 || offset > info.Size() || offset+int64(len(text)) > limits.LogBytes {
		return ErrRange
	}
	_, err = file.WriteAt(text, offset)
	return err
}

// ErrRange: bytes of a log would leave a hole before them, or make it too long.
var ErrRange = errors.New("these bytes do not follow what is there, or are too many")

// OpenLog gives the log back that came before the result; nil if none did.
func (s *Store) OpenLog(id string) *os.File {
	path, err := s.path(id)
	if err != nil {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return nil // it may go on
	}
	file, err := os.Open(logPath(path))
	if err != nil {
		return nil
	}
	return file
}

// IDs are those of which there are results.
func (s *Store) IDs() []string {
	entries, _ := os.ReadDir(s.directory)
	var ids []string
	for _, entry := range entries {
		if id, is := strings.CutSuffix(entry.Name(), suffix); is {
			ids = append(ids, id)
		}
	}
	return ids
}

func writeWhole(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return err
	}
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}
