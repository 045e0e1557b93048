package config

import (
	"slices"
	"sync/atomic"
)

// Store holds the configuration in force. It is safe for concurrent use.
type Store struct {
	current atomic.Pointer[Config]
	// changed are called after each change, in order.
	changed atomic.Pointer[[]func(Config)]
	// news receives after changes.
	news chan struct{}
}

// Notify calls f with the configuration in force, and again after each change. f must not wait. The functions of all
// calls are called, in this order.
func (s *Store) Notify(f func(Config)) {
	for {
		old := s.changed.Load()
		all := []func(Config){f}
		if old != nil {
			all = append(slices.Clone(*old), f)
		}
		if s.changed.CompareAndSwap(old, &all) {
			break
		}
	}
	f(s.Load())
}

// NewStore returns a Store that holds c.
func NewStore(c Config) *Store {
	s := &Store{news: make(chan struct{}, 1)}
	s.current.Store(&c)
	return s
}

// Load returns the configuration in force.
func (s *Store) Load() Config { return *s.current.Load() }

// SetFlags replaces the feature flags and keeps the rest.
func (s *Store) SetFlags(f Flags) { s.update(func(c *Config) { c.Flags = f }) }

// SetDefaults replaces the defaults and keeps the rest.
func (s *Store) SetDefaults(d Defaults) { s.update(func(c *Config) { c.Defaults = d }) }

// SetMetrics replaces the settings of the metrics and keeps the rest.
func (s *Store) SetMetrics(o Observability) { s.update(func(c *Config) { c.Metrics = o }) }

// SetTracing replaces the settings of traces and keeps the rest.
func (s *Store) SetTracing(t Tracing) { s.update(func(c *Config) { c.Tracing = t }) }

// SetEvents replaces the settings of CloudEvents, and keeps the rest.
func (s *Store) SetEvents(e Events) { s.update(func(c *Config) { c.Events = e }) }

// SetOwnCluster replaces the settings of the resolver "cluster" from the namespace of the installation, and keeps the rest.
func (s *Store) SetOwnCluster(r ClusterResolver) { s.update(func(c *Config) { c.Cluster.Own = r }) }

// SetSharedCluster replaces the lists from ResolversNamespace, and keeps the rest. It ignores other settings of r.
func (s *Store) SetSharedCluster(r ClusterResolver) {
	s.update(func(c *Config) { c.Cluster.Shared = r.lists() })
}

// Changed returns a channel that receives a value after one or more changes. It is for one receiver.
func (s *Store) Changed() <-chan struct{} { return s.news }

func (s *Store) update(change func(*Config)) {
	for {
		old := s.current.Load()
		next := *old
		change(&next)
		if s.current.CompareAndSwap(old, &next) {
			break
		}
	}
	select {
	case s.news <- struct{}{}:
	default: // the receiver has not seen the change before yet
	}
	if all := s.changed.Load(); all != nil {
		for _, f := range *all {
			f(s.Load())
		}
	}
}
