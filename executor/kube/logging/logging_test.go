package logging

import (
	"bytes"
	"testing"
)

func TestLevelsOfTheServer(t *testing.T) {
	for _, level := range []string{"trace", "debug", "info", "warn", "error", "off"} {
		var out bytes.Buffer
		New("text", level, &out).Error("written")
		if (out.Len() == 0) != (level == "off") {
			t.Errorf("%s: %s", level, out.String())
		}
	}
}
