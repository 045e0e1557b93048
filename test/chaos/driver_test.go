package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/test/chaos/disturb"
)

func TestBrokenFor(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC) }
	event := func(from, to int) disturb.Event { return disturb.Event{Began: at(from), Mended: at(to)} }
	cases := map[string]struct {
		reason string
		events []disturb.Event
		want   time.Duration
	}{
		"Nothing": {reason: "Nothing was broken."},
		"Within": {
			reason: "The whole time counts.",
			events: []disturb.Event{event(12, 15), event(20, 21)},
			want:   4 * time.Second,
		},
		"Before": {
			reason: "It was repaired before.",
			events: []disturb.Event{event(2, 9)},
		},
		"Across": {
			reason: "The part within the interval counts.",
			events: []disturb.Event{event(5, 12), event(29, 40)},
			want:   3 * time.Second,
		},
		"Several": {
			reason: "One that hits several pods has several events, and counts once.",
			events: []disturb.Event{event(12, 15), event(12, 15)},
			want:   3 * time.Second,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := brokenFor(tc.events, at(10), at(30)); got != tc.want {
				t.Errorf("%s Want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

// TestInsistReportsTheCause: the error has the last cause before the time ended, and not the interruption alone.
func TestInsistReportsTheCause(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	left, looks := errors.New("there is a pod"), 0
	err := insist(ctx, "see it empty", func(ctx context.Context) error {
		if looks++; looks < 3 {
			return left
		}
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, left) {
		t.Errorf("want the earlier cause, got: %v", err)
	}
	if err := insist(ctx, "see it empty", func(ctx context.Context) error { return ctx.Err() }); !errors.Is(err, context.Canceled) {
		t.Errorf("want the only error, got: %v", err)
	}
}
