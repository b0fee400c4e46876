package attempt

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCustomPathsAreFoundInWhatPythonWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	text := `{"artifacts": {
		"roc": {"artifacts": [{"metadata": {"curve": [Infinity, -Infinity, NaN], "text": "a \"NaN\" \\"}}]},
		"moved": {"artifacts": [{"custom_path": "/tmp/x Infinity"}]},
		"other": {"artifacts": [{"customPath": "/tmp/y"}]},
		"../out": {"artifacts": [{"customPath": "/tmp/z"}]}}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := customPaths(path)
	want := []customPath{{"moved", "/tmp/x Infinity"}, {"other", "/tmp/y"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("found %v, expected %v", got, want)
	}
	for _, none := range []string{"", path + ".none"} {
		if got := customPaths(none); got != nil {
			t.Errorf("found %v in %q", got, none)
		}
	}
}
