package mlflow

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/gateway/limits"
)

// filePath decodes what a URL names, once, and refuses what would not be a path below the root of all files. The server
// checks again; here the error comes before the content does.
func filePath(escaped string) (string, error) {
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return "", badPath(escaped, "it is not percent-encoded as it should be")
	}
	return checkedPath(path)
}

// checkedPath refuses such a path, also if it would become one by being decoded again, as somebody else may do. A file of
// the name 100% is none.
func checkedPath(path string) (string, error) {
	if len(path) > limits.MaxFilePathBytes {
		return "", badPath(path, fmt.Sprintf("it is longer than %d bytes", limits.MaxFilePathBytes))
	}
	for decoded := path; ; {
		if why := wrongIn(decoded); why != "" {
			return "", badPath(path, why)
		}
		again, err := url.PathUnescape(decoded)
		if err != nil || again == decoded {
			return path, nil
		}
		decoded = again // shorter, so this ends
	}
}

func wrongIn(path string) string {
	switch {
	case !utf8.ValidString(path):
		return "it is not UTF-8"
	case strings.ContainsRune(path, 0):
		return "it has a zero byte"
	case strings.Contains(path, `\`):
		return "it has a backslash"
	case strings.HasPrefix(path, "/"):
		return "it is absolute"
	}
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "..", ".":
			return "it has a part " + part
		case "":
			return "it has an empty part"
		}
	}
	return ""
}

func badPath(path, why string) error {
	return status.Errorf(codes.InvalidArgument, "%q is not the path of a file: %s.", limits.Shortened(path), why)
}
