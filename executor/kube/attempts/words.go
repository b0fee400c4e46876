package attempts

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/reports"
	"github.com/penstock/penstock/kube/volumes"
)

// sentence puts another's words behind ours.
func sentence(ours, words string) string {
	if words == "" {
		return ours
	}
	return ours + ": " + words
}

// bounded makes another's words one line of a bounded length.
func bounded(words string) string {
	words = strings.ToValidUTF8(strings.Join(strings.Fields(words), " "), "\uFFFD")
	if len(words) > limits.MessageBytes {
		words = strings.ToValidUTF8(words[:limits.MessageBytes], "") + "..."
	}
	return words
}

// fullWords says that there are as many pods as there may be.
func fullWords(most int) string {
	return fmt.Sprintf("%d pods of this server are alive, and more may not be at once (--kubernetes_max_pods)", most)
}

// trimMark is the attempt's id of what the store keeps.
func trimMark(key string) string {
	return reports.IDOf(strings.TrimSuffix(key, volumes.RemovingSuffix))
}
