package stores

import (
	"os"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/launcher/settings"
)

// fileText is the text of a small file, which is read again when the file has changed: credentials that expire are
// replaced so. Safe for concurrent use.
type fileText struct {
	path     string
	mutex    sync.Mutex
	text     string
	modified time.Time
	size     int64
	file     os.FileInfo
}

func (f *fileText) get() (string, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return "", err
	}
	if f.file != nil && os.SameFile(info, f.file) && info.ModTime().Equal(f.modified) && info.Size() == f.size {
		return f.text, nil
	}
	text, err := settings.ReadBounded(f.path)
	if err != nil {
		return "", err
	}
	f.text, f.modified, f.size, f.file = strings.TrimSpace(string(text)), info.ModTime(), info.Size(), info
	return f.text, nil
}
