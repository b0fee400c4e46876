// Package logs reads what the container of a task has printed.
package logs

import (
	"context"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/podspec"
)

// Tail is the end of a pod's log; empty if it cannot be read now.
func Tail(ctx context.Context, client kubernetes.Interface, namespace, pod string) string {
	ctx, cancel := context.WithTimeout(ctx, limits.LogTailTimeout)
	defer cancel()
	stream, err := client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: podspec.Main,
		TailLines: new(int64(limits.LogTailLines)), LimitBytes: new(int64(8 * limits.LogTailBytes))}).Stream(ctx)
	if err != nil {
		return ""
	}
	defer stream.Close()
	text, _ := io.ReadAll(io.LimitReader(stream, 8*limits.LogTailBytes))
	if len(text) > limits.LogTailBytes {
		text = text[len(text)-limits.LogTailBytes:]
	}
	return string(text)
}

// Read hands on what a pod has printed from an offset on, and what it prints until its container ends if follow. The
// kubelet knows no offsets: what lies before is read too.
func Read(ctx context.Context, client kubernetes.Interface, namespace, pod string, offset int64, follow bool,
	send func([]byte) error) error {
	stream, err := client.CoreV1().Pods(namespace).GetLogs(pod,
		&corev1.PodLogOptions{Container: podspec.Main, Follow: follow}).Stream(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	if _, err := io.CopyN(io.Discard, stream, offset); err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	buffer := make([]byte, limits.LogChunkBytes)
	for {
		n, err := stream.Read(buffer)
		if n > 0 {
			if err := send(buffer[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
