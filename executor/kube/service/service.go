package service

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/penstock/penstock/kube/attempts"
	"github.com/penstock/penstock/kube/cluster"
	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/logs"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/reports"
)

type service struct {
	pb.UnimplementedPodsServer
	ctx       context.Context // ends with the program
	driver    *attempts.Driver
	client    kubernetes.Interface
	namespace string
}

func (s *service) Describe(ctx context.Context, request *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, max(time.Duration(request.WaitMs)*time.Millisecond, limits.DescribeShortest))
	defer cancel()
	var last error
	for {
		response, err := s.describe(ctx)
		if err == nil {
			return response, nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // of a call that was not cut short
		}
		select {
		case <-ctx.Done():
			return nil, status.Error(codes.Unavailable, last.Error())
		case <-time.After(limits.DescribeLook):
		}
	}
}

func (s *service) describe(ctx context.Context) (*pb.DescribeResponse, error) {
	version, err := discovery.ToServerVersionInterfaceWithContext(s.client.Discovery()).ServerVersionWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("the API server does not answer: %v", err)
	}
	namespace, err := s.client.CoreV1().Namespaces().Get(ctx, s.namespace, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("the namespace %s cannot be looked at: %v", s.namespace, cluster.Told(err).Message)
	}
	seen, cancel := context.WithTimeout(ctx, limits.DescribeShortest)
	defer cancel()
	if err := s.driver.Watch().Synced(seen, s.namespace, limits.DescribeLook/10); err != nil {
		return nil, fmt.Errorf("the pods in the namespace %s cannot be seen: %v", s.namespace, cluster.Told(err).Message)
	}
	return &pb.DescribeResponse{Namespace: s.namespace, NamespaceUid: string(namespace.UID), ServerVersion: version.GitVersion}, nil
}

var errEnding = status.Error(codes.Unavailable, "the program is ending")

func (s *service) Drive(stream grpc.BidiStreamingServer[pb.Order, pb.Event]) error {
	session := s.driver.Open()
	defer s.driver.Leave(session)
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(errEnding) })()
	go func() {
		for {
			order, err := stream.Recv()
			if err == nil {
				err = s.driver.Do(session, order)
			}
			if err != nil {
				cancel(err)
				return
			}
		}
	}()
	for {
		event, err := session.Next(ctx)
		if err == nil {
			err = stream.Send(event)
		}
		if err == nil {
			continue
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if err == io.EOF {
			return nil
		}
		if superseded(err) {
			return status.Error(codes.Aborted, err.Error())
		}
		return err
	}
}

func (s *service) ReadLog(request *pb.ReadLogRequest, stream grpc.ServerStreamingServer[pb.ReadLogResponse]) error {
	if file := s.reported(request); file != nil {
		defer file.Close()
		return s.sendFile(file, request.OffsetBytes, stream)
	}
	pod, err := s.printing(stream.Context(), request)
	if err != nil {
		return err
	}
	err = logs.Read(stream.Context(), s.client, pod.Namespace, pod.Name, max(request.OffsetBytes, 0), request.Follow,
		func(data []byte) error { return stream.Send(&pb.ReadLogResponse{Data: data}) })
	if err == nil || stream.Context().Err() != nil {
		return stream.Context().Err()
	}
	failure := cluster.Told(err)
	if failure.Kind == cluster.Missing {
		return status.Errorf(codes.NotFound, "the pod %s is not there any more", pod.Name)
	}
	return status.Errorf(codes.Unavailable, "the log of the pod %s cannot be read now: %s", pod.Name, failure.Message)
}

// reported is the log that the launcher of an attempt has sent with its end; nil if there is none.
func (s *service) reported(request *pb.ReadLogRequest) *os.File {
	id := request.AttemptId
	if id == "" {
		if pod := s.driver.Watch().PodOfLog(request.LogPath); pod != nil {
			id = reports.Key(pod.Labels[podspec.AttemptLabel], podspec.RankOf(pod))
		}
	}
	return s.driver.Store.OpenLog(id)
}

func (s *service) sendFile(file *os.File, offset int64, stream grpc.ServerStreamingServer[pb.ReadLogResponse]) error {
	buffer := make([]byte, limits.LogChunkBytes)
	for {
		n, err := file.ReadAt(buffer, max(offset, 0))
		if n > 0 {
			if err := stream.Send(&pb.ReadLogResponse{Data: buffer[:n]}); err != nil {
				return err
			}
			offset += int64(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return status.Errorf(codes.Unavailable, "the log cannot be read now: %v", err)
		}
	}
}

// printing is the pod whose log is asked for, once it has one if the caller is to follow it.
func (s *service) printing(ctx context.Context, request *pb.ReadLogRequest) (*corev1.Pod, error) {
	for {
		pod := s.driver.Watch().PodOfLog(request.LogPath)
		if pod == nil {
			return nil, status.Errorf(codes.NotFound, "there is no pod whose log is %s", request.LogPath)
		}
		for _, container := range pod.Status.ContainerStatuses {
			if container.Name == podspec.Main && container.State.Waiting == nil {
				return pod, nil
			}
		}
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed || pod.DeletionTimestamp != nil {
			return nil, status.Errorf(codes.NotFound, "the pod %s has printed nothing: its program never ran", pod.Name)
		}
		if !request.Follow {
			return nil, status.Errorf(codes.Unavailable, "the program of the pod %s does not run yet", pod.Name)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(limits.LogLook):
		}
	}
}
