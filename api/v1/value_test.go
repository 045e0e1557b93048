package v1

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

func TestValueUnmarshal(t *testing.T) {
	cases := map[string]struct {
		reason, json string
		want         Value
	}{
		"String": {
			reason: "A string is a string.",
			json:   `"a\n"`,
			want:   StringValue("a\n"),
		},
		"Array": {
			reason: "An array of strings is an array.",
			json:   `["a",""]`,
			want:   ArrayValue("a", ""),
		},
		"EmptyArray": {
			reason: "An empty array is an array.",
			json:   `[]`,
			want:   ArrayValue(),
		},
		"Object": {
			reason: "An object of strings is an object.",
			json:   `{"k":"v"}`,
			want:   ObjectValue(map[string]string{"k": "v"}),
		},
		"EmptyObject": {
			reason: "An empty object is an object.",
			json:   `{}`,
			want:   ObjectValue(nil),
		},
		"Number": {
			reason: "A number is a text with the same digits.",
			json:   `1.10`,
			want:   StringValue("1.10"),
		},
		"Bool": {
			reason: "A boolean is a text.",
			json:   `true`,
			want:   StringValue("true"),
		},
		"Null": {
			reason: "A null is not a value.",
			json:   `null`,
		},
		"MixedArray": {
			reason: "An array of other types becomes a text, whole.",
			json:   `[1, "a"]`,
			want:   StringValue(`[1,"a"]`),
		},
		"NullInArray": {
			reason: "A null must not become an empty string.",
			json:   `["a", null]`,
			want:   StringValue(`["a",null]`),
		},
		"NestedObject": {
			reason: "An object that holds more than strings becomes a text, whole.",
			json:   `{"a": {"b": 1}}`,
			want:   StringValue(`{"a":{"b":1}}`),
		},
		"NullInObject": {
			reason: "A null in an object must not become an empty string.",
			json:   `{"a":null}`,
			want:   StringValue(`{"a":null}`),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Value{Type: TypeArray, Array: []string{"left over"}}
			if err := json.Unmarshal([]byte(tc.json), &got); err != nil {
				t.Fatalf("\n%s\n%s cannot be decoded: %v", tc.reason, tc.json, err)
			}
			if !got.Equal(tc.want) {
				t.Errorf("\n%s\n%s: want %+v, got %+v", tc.reason, tc.json, tc.want, got)
			}
		})
	}
}

func TestValuesSurviveJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]Value{
			StringValue(rapid.String().Draw(t, "string")),
			ArrayValue(rapid.SliceOf(rapid.String()).Draw(t, "array")...),
			ObjectValue(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "object")),
		}).Draw(t, "value")
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var got Value
		if err := json.Unmarshal(data, &got); err != nil || !got.Equal(value) {
			t.Fatalf("%s: want %+v, got %+v, %v", data, value, got, err)
		}
	})
}

// FuzzValueNeverRefusesJSON: a stored object that cannot be decoded would stop the watch of all runs.
func FuzzValueNeverRefusesJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1]}`))
	f.Add([]byte(`"\ud800"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var value Value
		if err := json.Unmarshal(data, &value); json.Valid(data) && err != nil {
			t.Fatalf("%q is JSON and is refused: %v", data, err)
		}
	})
}

func TestConditions(t *testing.T) {
	var status TaskRunStatus
	if status.Done() || status.Condition() != nil {
		t.Error("a run that the controller has not acted on must not be done or have a condition")
	}
	first, second := metav1.NewTime(time.Unix(1, 0)), metav1.NewTime(time.Unix(2, 0))
	status.SetCondition(Running(TaskRunReasonPending, "a"), first)
	status.SetCondition(Running(TaskRunReasonRunning, "b"), second)
	if c := status.Condition(); status.Done() || c.Reason != TaskRunReasonRunning || !c.LastTransitionTime.Equal(&first) {
		t.Errorf("the transition time must change with the status, not with the reason: got %+v", c)
	}
	status.SetCondition(Failed(TaskRunReasonFailed, "c"), second)
	if c := status.Condition(); !status.Done() || c.Status != metav1.ConditionFalse ||
		!c.LastTransitionTime.Equal(&second) || len(status.Conditions) != 1 {
		t.Errorf("after a failure: got %+v", status.Conditions)
	}
	var run PipelineRunStatus
	run.SetCondition(Succeeded("all done"), first)
	if c := run.Condition(); !run.Done() || c.Status != metav1.ConditionTrue || c.Reason != PipelineRunReasonSucceeded ||
		c.Type != ConditionSucceeded {
		t.Errorf("after success: got %+v", run.Conditions)
	}
}

func TestMessagesFitTheAPI(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := strings.Repeat(rapid.StringN(1, 8, 32).Draw(t, "part"), rapid.IntRange(0, 9000).Draw(t, "times"))
		got := Failed(TaskRunReasonFailed, message).Message
		if len(got) > maxConditionMessage || !utf8.ValidString(got) {
			t.Fatalf("a message of %d bytes became one of %d, valid %v", len(message), len(got), utf8.ValidString(got))
		}
		if len(message) <= maxConditionMessage && utf8.ValidString(message) && got != message {
			t.Fatalf("a message of %d bytes was changed", len(message))
		}
	})
	if got := Failed("R", strings.Repeat("\xff", 20)).Message; !utf8.ValidString(got) {
		t.Errorf("bytes that are not UTF-8 stay in the message: %q", got)
	}
}
