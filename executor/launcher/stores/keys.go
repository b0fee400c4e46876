package stores

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Go CDK, with which Kubeflow Pipelines writes, does not give S3 control characters, nor the slash of "../", which
// servers take for a way up; it writes them so. Objects of either are found by the other.

var escapedRune = regexp.MustCompile(`__0x([0-9a-fA-F]+)__`)

func escapedKey(key string) string {
	if !strings.Contains(key, "../") && strings.IndexFunc(key, func(r rune) bool { return r < ' ' }) < 0 {
		return key
	}
	var out strings.Builder
	for i, r := range key {
		if r < ' ' || (r == '/' && i > 1 && key[i-1] == '.' && key[i-2] == '.') {
			fmt.Fprintf(&out, "__%#x__", r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func plainKey(key string) string {
	if !strings.Contains(key, "__0x") {
		return key
	}
	return escapedRune.ReplaceAllStringFunc(key, func(escaped string) string {
		value, err := strconv.ParseInt(escaped[4:len(escaped)-2], 16, 32)
		if err != nil {
			return escaped
		}
		return string(rune(value))
	})
}
