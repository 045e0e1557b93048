package image

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// giveCommand is what always helps.
const giveCommand = "give the step a command"

// Owner is the run for which an image is looked up.
type Owner struct {
	types.NamespacedName

	// UID tells a run from another one of the same name.
	UID types.UID
}

// Error says why an image cannot be looked up, now or later, and what to do about it. It reads like
// `spec.steps[0].image: "busybox:9": registry docker.io does not have it; correct the name, or give the step a command`.
type Error struct {
	// Step is the path of the step, Image its image as it was given.
	Step, Image string
	// Why is what was found, Do what helps.
	Why, Do string
	// Cause is for the controller's log. It may hold words of a registry, so it is in no message.
	Cause error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s.image: %q: %s; %s", e.Step, e.Image, e.Why, e.Do)
}

func (p Pull) unusable(image, why, do string) *Error {
	return &Error{Step: p.Step, Image: image, Why: why, Do: do}
}

// broken says what is wrong with an image that is there.
func (p Pull) broken(image string, err error) *Error {
	if errors.Is(err, guard.ErrTooMuch) {
		err = tooMuch()
	}
	final := p.unusable(image, "cannot be used", giveCommand)
	var its *unusableError
	if asUnusable(err, &its) {
		final = p.unusable(image, its.why, its.do)
	}
	final.Cause = err
	return final
}

// PassingError says why a lookup failed this time. The next attempt may succeed.
type PassingError struct {
	// Words are for users. They name neither image nor step.
	Words string
	// Registry says that a registry failed, and not the API server.
	Registry bool
	// Cause is for the controller's log. It may hold words of a registry, so it is in no message.
	Cause error
}

// Error implements error.
func (e *PassingError) Error() string { return e.Words }

// WaitError says that a lookup has no answer yet, and why.
type WaitError struct {
	// Image as it was given, and the path of its step.
	Image, Step string
	// Why it has none.
	Why string
	// Tried says that an attempt has failed.
	Tried bool
	// New says that the run has asked less than a second ago, so that the answer may come in a moment.
	New bool
	// Full says that the lookup was not accepted: nothing wakes the run.
	Full bool
}

// Error implements error.
func (e *WaitError) Error() string {
	return fmt.Sprintf("cannot look up image %q of %s yet: %s", e.Image, e.Step, e.Why)
}

// Final reports whether no further attempt can help.
func Final(err error) bool {
	var final *Error
	return errors.As(err, &final)
}

// GiveUp makes an error final that has lasted for so long. One that is not the registry's stays as it is.
func GiveUp(image string, pull Pull, err error, lasted time.Duration) error {
	var passing *PassingError
	if !errors.As(err, &passing) || !passing.Registry {
		return err
	}
	final := pull.unusable(image, fmt.Sprintf("%s for %s", passing.Words, lasted), "correct the name, or "+giveCommand)
	final.Cause = passing.Cause
	return final
}

// ForStep returns a final error as one of another step with the same image.
func ForStep(err error, step string) error {
	var final *Error
	if !errors.As(err, &final) {
		return err
	}
	its := *final
	its.Step = step
	return &its
}

// Details returns what messages leave out, for the controller's log.
func Details(err error) string {
	var (
		final   *Error
		passing *PassingError
		cause   = err
	)
	switch {
	case errors.As(err, &final) && final.Cause != nil:
		cause = final.Cause
	case errors.As(err, &passing) && passing.Cause != nil:
		cause = passing.Cause
	}
	return clipped(err.Error() + ": " + cause.Error())
}

// maxDetails bounds one entry of the log, in bytes.
const maxDetails = 1 << 10

func clipped(text string) string {
	return truncate.Text(strings.ToValidUTF8(text, "?"), maxDetails)
}

const (
	// maxName is how many bytes the name of an image may have: 253 for the host, 255 for the path, 128 for the tag, and a
	// digest fit.
	maxName = 1024
	// maxSecrets is how many pull secrets a pod may name.
	maxSecrets = 64
)

// Host returns the registry that an image's name names, as people write it. The error is an *Error: such an image, or
// pull, is never looked up.
func Host(image string, pull Pull) (string, error) {
	if len(image) > maxName {
		return "", pull.unusable(truncate.Text(strings.ToValidUTF8(image, "?"), 100),
			fmt.Sprintf("the name has %d bytes, more than the limit of %d", len(image), maxName),
			"correct the name")
	}
	if len(pull.Secrets) > maxSecrets {
		return "", pull.unusable(image,
			fmt.Sprintf("the pod has %d pull secrets, more than the limit of %d", len(pull.Secrets), maxSecrets),
			"name fewer of them, or "+giveCommand)
	}
	ref, err := parse(image, pull)
	if err != nil {
		return "", err
	}
	return spoken(ref.Context().Registry), nil
}

func parse(image string, pull Pull) (name.Reference, error) {
	ref, err := name.ParseReference(strings.TrimSpace(image))
	if err != nil {
		return nil, pull.unusable(image, "is not the name of an image", "correct the name")
	}
	return ref, nil
}
