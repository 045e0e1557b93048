package suite

import (
	"fmt"
	"strings"
)

// Refused is the reason of an Expectation that the API server refuses an object.
const Refused = "refused"

// Expectation describes how the runs of a file end. The zero value expects success.
type Expectation struct {
	// Flags are the feature flags with which it applies. Without flags it always applies.
	Flags map[string]string
	// Reason is that of the condition, or Refused.
	Reason string
	// Message is a part of the condition's message.
	Message string
}

// applies reports whether the cluster has all of the flags.
func (e Expectation) applies(flags map[string]string) bool {
	for flag, value := range e.Flags {
		if flags[flag] != value {
			return false
		}
	}
	return true
}

// Condition is a run's Succeeded condition.
type Condition struct {
	// Status is True, False or Unknown; empty while there is no condition.
	Status          string
	Reason, Message string
}

// Done reports whether the run has ended.
func (c Condition) Done() bool { return c.Status == "True" || c.Status == "False" }

// String returns reason and message.
func (c Condition) String() string {
	if c.Reason == "" && c.Message == "" {
		return "the controller has not acted on it"
	}
	return fmt.Sprintf("%s: %s", c.Reason, c.Message)
}

// Check compares the outcome of a run with the expectation. It returns the difference, or "".
func (e Expectation) Check(c Condition) string {
	switch {
	case e.Reason == "" && c.Status == "True":
		return ""
	case e.Reason == "":
		return c.String()
	case e.Reason != c.Reason:
		return fmt.Sprintf("should end with reason %s, but ended with %s", e.Reason, c)
	case !strings.Contains(c.Message, e.Message):
		return fmt.Sprintf("message should contain %q, but is %s", e.Message, c)
	default:
		return ""
	}
}

// CheckRefusal compares the API server's refusal of an object with the expectation. It returns the difference, or "".
func (e Expectation) CheckRefusal(message string) string {
	switch {
	case e.Reason != Refused:
		return message
	case !strings.Contains(message, e.Message):
		return fmt.Sprintf("should be refused with %q, but was refused with: %s", e.Message, message)
	default:
		return ""
	}
}
