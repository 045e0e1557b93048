package frame

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sluice-ci/sluice/internal/results"
)

// maxWord is the maximum length in bytes of a Reason, ProblemKind or kind of record.
const maxWord = 64

// The first and the last year of a time, in UTC. No step ran before 1970, and RFC 3339, JSON and the API server support no
// year after 9999.
const (
	minYear = 1970
	maxYear = 9999
)

var errNonce = errors.New("a nonce has 1 to 64 letters, digits, '-' or '_'")

// ValidNonce returns nil if nonce has 1 to 64 letters, digits, '-' or '_'. A nonce distinguishes a stream from other text. It
// is not a secret: every reader of the pod can see it.
func ValidNonce(nonce string) error {
	if nonce == "" || len(nonce) > maxNonce {
		return fmt.Errorf("invalid nonce %q: %w", nonce, errNonce)
	}
	for i := range len(nonce) {
		if c := nonce[i]; !alphanumeric(c) && c != '-' && c != '_' {
			return fmt.Errorf("invalid nonce %q: %w", nonce, errNonce)
		}
	}
	return nil
}

// ValidStep returns nil if s can be written as a record and fits in a line, with any Message: its name is that of a
// container, its reason is a word that does not contradict the exit code, and RFC 3339 can represent its times.
func ValidStep(s Step) error {
	// The rules for result names permit more than Kubernetes does for containers, but nothing that JSON must escape.
	if err := results.ValidName(s.Name); err != nil {
		return fmt.Errorf("invalid name of a step: %w", err)
	}
	if err := validWord(string(s.Reason)); err != nil {
		return fmt.Errorf("invalid reason of step %q: %w", s.Name, err)
	}
	if s.Reason == ReasonCompleted && s.ExitCode != 0 {
		return fmt.Errorf("step %q cannot have completed with exit code %d", s.Name, s.ExitCode)
	}
	if s.ExitCode < math.MinInt32 || s.ExitCode > math.MaxInt32 {
		return fmt.Errorf("invalid exit code %d of step %q: it must have 32 bits", s.ExitCode, s.Name)
	}
	if !validTime(s.StartedAt) || !validTime(s.FinishedAt) {
		return fmt.Errorf("invalid time of step %q: its year in UTC must be %d to %d", s.Name, minYear, maxYear)
	}
	return nil
}

// validTime reports whether t is absent, or a time that every reader can write after converting it to UTC.
func validTime(t time.Time) bool {
	year := t.UTC().Year()
	return t.IsZero() || minYear <= year && year <= maxYear
}

func validResult(name, typ string) error {
	if err := results.ValidName(name); err != nil {
		return err
	}
	return results.ValidFileType(typ)
}

// ValidProblem returns nil if p can be written as a record and fits in a line, with any Detail: its result has a name, its
// kind is a word, and its numbers are not negative.
func ValidProblem(p Problem) error {
	if err := results.ValidName(p.Result); err != nil {
		return err
	}
	if err := validWord(string(p.Kind)); err != nil {
		return fmt.Errorf("invalid kind of a problem of result %q: %w", p.Result, err)
	}
	if p.Size < 0 || p.Limit < 0 {
		return fmt.Errorf("a problem of result %q has a negative number", p.Result)
	}
	return nil
}

// validKind returns nil if kind is valid: 1 to 64 letters, digits or hyphens, with or without the mark of optional kinds.
func validKind(kind []byte) error {
	name := bytes.TrimPrefix(kind, []byte{optionalMark})
	for _, c := range name {
		if !alphanumeric(c) && c != '-' {
			return fmt.Errorf("%q is not a kind of record", kind)
		}
	}
	if len(name) == 0 || len(name) > maxWord {
		return fmt.Errorf("%q is not a kind of record: it must have 1 to %d characters", kind, maxWord)
	}
	return nil
}

var errWord = errors.New("it must be 1 to 64 letters or digits")

// validWord returns nil if s is a word for programs: it always fits in a line, and needs no escape in JSON.
func validWord(s string) error {
	if s == "" || len(s) > maxWord {
		return fmt.Errorf("%q: %w", s, errWord)
	}
	for i := range len(s) {
		if !alphanumeric(s[i]) {
			return fmt.Errorf("%q: %w", s, errWord)
		}
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
