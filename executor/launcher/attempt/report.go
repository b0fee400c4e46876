package attempt

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/penstock/penstock/launcher/limits"
)

type customPath struct{ name, path string }

// customPaths are those that the kfp executor reports. What makes no sense is the server's to say.
func customPaths(report string) []customPath {
	if report == "" {
		return nil
	}
	file, err := os.Open(report)
	if err != nil {
		return nil
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limits.ReportBytes))
	if err != nil {
		return nil
	}
	var parsed struct {
		Artifacts map[string]struct {
			Artifacts []struct {
				CustomPath      string `json:"customPath"`
				CustomPathSnake string `json:"custom_path"`
			} `json:"artifacts"`
		} `json:"artifacts"`
	}
	if json.Unmarshal(finite(text), &parsed) != nil {
		return nil
	}
	var found []customPath
	for name, list := range parsed.Artifacts {
		for _, artifact := range list.Artifacts {
			if path := artifact.CustomPath + artifact.CustomPathSnake; path != "" && !strings.Contains(name, "/") {
				found = append(found, customPath{name, path})
			}
		}
	}
	slices.SortFunc(found, func(a, b customPath) int { return strings.Compare(a.name, b.name) })
	return found
}

// finite puts null for NaN, Infinity and -Infinity, which Python writes although JSON has no such numbers.
func finite(text []byte) []byte {
	var out []byte
	inString := false
	for i := 0; i < len(text); i++ {
		if inString && text[i] == '\\' && i+1 < len(text) {
			out = append(out, text[i], text[i+1])
			i++
			continue
		}
		if text[i] == '"' {
			inString = !inString
		}
		if word := nonFinite(text[i:]); !inString && word > 0 {
			out = append(out, "null"...)
			i += word - 1
			continue
		}
		out = append(out, text[i])
	}
	return out
}

// nonFinite is the length of such a number at the beginning; 0: there is none.
func nonFinite(text []byte) int {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(text, []byte(word)) {
			return len(word)
		}
	}
	return 0
}
