package image

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// silenceTime is for how long a registry is not asked again that did not answer.
	silenceTime = 10 * time.Second
	// maxSilent bounds how many such registries are remembered.
	maxSilent = 1000
)

// silence remembers which registries did not answer, or asked for patience. Without it, runs whose registry is away would
// keep one worker of the controller after the other waiting for it, and all other runs with them.
type silence struct {
	clock clock.PassiveClock

	mu    sync.Mutex
	until map[string]silent
}

type silent struct {
	time time.Time
	why  string
}

func newSilence(c clock.PassiveClock) *silence {
	return &silence{clock: c, until: map[string]silent{}}
}

// of returns an error while the registry is not asked.
func (s *silence) of(host string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.until[host]
	if !ok || !s.clock.Now().Before(known.time) {
		delete(s.until, host)
		return nil
	}
	return &silenceError{why: known.why}
}

// note remembers an error if it is one of the registry's, and may pass.
func (s *silence) note(host string, err error) {
	v := classify(err)
	if err == nil || v.kind != passing {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.until) >= maxSilent {
		clear(s.until)
	}
	s.until[host] = silent{time: s.clock.Now().Add(silenceTime), why: v.words}
}

// silenceError says that a registry was not asked.
type silenceError struct{ why string }

// Error implements error.
func (e *silenceError) Error() string {
	return fmt.Sprintf("%s, and is not asked again for some seconds", e.why)
}
