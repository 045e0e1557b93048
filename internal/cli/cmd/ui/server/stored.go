package server

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// storage is what the page shows about the bytes in etcd of finished runs.
type storage struct {
	Bytes int64 `json:"bytes"`
	// Quota is the setting with the quota of etcd; 0: not known.
	Quota int64 `json:"quota"`
	// Near: they need most of the quota.
	Near bool `json:"near"`
}

// sizes counts the bytes in etcd of finished runs.
type sizes struct {
	of    map[types.UID]size
	total int64
}

// size is the length of a run of a kind in etcd.
type size struct {
	kind  string
	bytes int64
}

func newSizes() *sizes { return &sizes{of: map[types.UID]size{}} }

// apply counts a change.
func (s *sizes) apply(c change) {
	if c.kind == "" {
		s.note(c.event)
		return
	}
	for uid, one := range s.of {
		if one.kind == c.kind {
			s.set(uid, size{})
		}
	}
	for _, object := range c.listed {
		s.note(watch.Event{Type: watch.Added, Object: object})
	}
}

func (s *sizes) note(event watch.Event) {
	object, kind, done := finished(event.Object)
	switch {
	case object == nil:
	case event.Type == watch.Deleted || !done:
		s.set(object.GetUID(), size{})
	default:
		s.set(object.GetUID(), size{kind: kind, bytes: int64(objectsize.Stored(object))})
	}
}

func (s *sizes) set(uid types.UID, to size) {
	s.total += to.bytes - s.of[uid].bytes
	if s.of[uid] = to; to.kind == "" {
		delete(s.of, uid)
	}
}

// finished returns an object as a run, and whether it has ended; nil if it is no run.
func finished(object runtime.Object) (run client.Object, kind string, done bool) {
	switch typed := object.(type) {
	case *v1.TaskRun:
		return typed, v1.KindTaskRun, typed.Status.Done()
	case *v1.PipelineRun:
		return typed, v1.KindPipelineRun, typed.Status.Done()
	default:
		return nil, "", false
	}
}

// storage returns what the page shows.
func (s *sizes) storage(quota int64) storage {
	const most = 80 // per cent, as in the warning of the controller
	return storage{Bytes: s.total, Quota: quota, Near: quota > 0 && s.total >= quota/100*most}
}

// quota returns the setting with the quota of etcd; its default if the user may not read it.
func (s *Server) quota(ctx context.Context) int64 {
	var cm corev1.ConfigMap
	if s.Cluster.Client.Get(ctx, client.ObjectKey{Namespace: installation.NamespaceFull, Name: config.DefaultsName}, &cm) != nil {
		return config.DefaultEtcdQuota
	}
	defaults, _ := config.ParseDefaults(cm.Data)
	return defaults.EtcdQuota
}
