package validation

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestResultFromBytes(t *testing.T) {
	text := v1.TaskResult{Name: "r"}
	array := v1.TaskResult{Name: "r", Type: v1.TypeArray}
	object := v1.TaskResult{Name: "r", Properties: map[string]v1.PropertySpec{"k": {}, "l": {}}}
	cases := map[string]struct {
		reason   string
		declared v1.TaskResult
		raw      string
		want     v1.Value
		err      string
	}{
		"String": {
			reason:   "A string is the bytes as they are, the last newline too.",
			declared: text,
			raw:      " a\n\x00[\"]\n",
			want:     v1.StringValue(" a\n\x00[\"]\n"),
		},
		"EmptyString": {
			reason:   "An empty file is an empty string.",
			declared: text,
			want:     v1.StringValue(""),
		},
		"NotUTF8": {
			reason:   "Bytes that the API would alter are refused, with their place.",
			declared: text,
			raw:      "ab\xff",
			err:      `result "r" is not valid UTF-8: byte 2 of 3 is 0xff`,
		},
		"CutCharacter": {
			reason:   "So is a character that is cut off.",
			declared: text,
			raw:      "a\xc3",
			err:      `result "r" is not valid UTF-8: byte 1 of 2 is 0xc3`,
		},
		"Array": {
			reason:   "An array is decoded.",
			declared: array,
			raw:      ` ["a", "", "\u00e9\ud83d\ude00\\u"] `,
			want:     v1.ArrayValue("a", "", "é😀\\u"),
		},
		"EmptyArray": {
			reason:   "An array can be empty.",
			declared: array,
			raw:      `[]`,
			want:     v1.ArrayValue(),
		},
		"NotUTF8InJSON": {
			reason:   "JSON is checked before it is decoded, since decoders replace such bytes.",
			declared: array,
			raw:      "[\"\xff\"]",
			err:      `result "r" is not valid UTF-8: byte 2 of 5 is 0xff`,
		},
		"NoFile": {
			reason:   "An empty file is no array.",
			declared: array,
			raw:      " \n",
			err:      `result "r" is declared as array: expected a JSON array of strings, found nothing (2 bytes)`,
		},
		"Number": {
			reason:   "An array of numbers would not be carried whole.",
			declared: array,
			raw:      `["a", 1.50]`,
			err:      `result "r" is declared as array: expected a JSON array of strings, element 1, found a number before byte 10`,
		},
		"Null": {
			reason:   "A null is no string.",
			declared: array,
			raw:      `[null]`,
			err:      `result "r" is declared as array: expected a JSON array of strings, element 0, found null before byte 5`,
		},
		"Nested": {
			reason:   "Nor is an array.",
			declared: array,
			raw:      `[["a"]]`,
			err:      `result "r" is declared as array: expected a JSON array of strings, element 0, found an array before byte 2`,
		},
		"ObjectAsArray": {
			reason:   "What was found is named.",
			declared: array,
			raw:      `{"a":"b"}`,
			err:      `result "r" is declared as array: expected a JSON array of strings, found an object before byte 1`,
		},
		"StringAsArray": {
			reason:   "A text that is no JSON is told by its place, not by its content.",
			declared: array,
			raw:      `secret`,
			err: `result "r" is declared as array: expected a JSON array of strings, found at byte 0 what is ` +
				`not JSON: invalid character 's' looking for beginning of value`,
		},
		"CutArray": {
			reason:   "A file that was cut off is told.",
			declared: array,
			raw:      `["a", "b`,
			err:      `result "r" is declared as array: expected a JSON array of strings, element 1, found its end at byte 8`,
		},
		"OpenArray": {
			reason:   "So is one that lacks its last character.",
			declared: array,
			raw:      `["a"`,
			err:      `result "r" is declared as array: expected a JSON array of strings, found its end at byte 4`,
		},
		"More": {
			reason:   "Two values are not one.",
			declared: array,
			raw:      `["a"] []`,
			err:      `result "r" is declared as array: expected a JSON array of strings, found more behind its end at byte 7`,
		},
		"HalfCharacter": {
			reason:   "Half a character would be replaced by the decoder.",
			declared: array,
			raw:      `["\ud83d"]`,
			err:      `result "r" holds half a character, \ud83d, at byte 2`,
		},
		"OtherHalf": {
			reason:   "So would the other half.",
			declared: array,
			raw:      `["\\\uDE00"]`,
			err:      `result "r" holds half a character, \uDE00, at byte 4`,
		},
		"HalfAndText": {
			reason:   "A half and something else are still a half.",
			declared: array,
			raw:      `["\ud83d\u0041"]`,
			err:      `result "r" holds half a character, \ud83d, at byte 2`,
		},
		"Object": {
			reason:   "An object has the declared keys and may have more.",
			declared: object,
			raw:      `{"k":"1","l":"2","m":"3"}`,
			want:     v1.ObjectValue(map[string]string{"k": "1", "l": "2", "m": "3"}),
		},
		"MissingKeys": {
			reason:   "Each missing key is named.",
			declared: object,
			raw:      `{"m":"3"}`,
			err:      `result "r" of type object lacks the keys: k, l`,
		},
		"KeyTwice": {
			reason:   "Of a key that stands there twice nobody knows which one is meant.",
			declared: object,
			raw:      `{"k":"1","k":"2","l":""}`,
			err:      `result "r" has the key "k" twice, at byte 12`,
		},
		"NumberInObject": {
			reason:   "Values are strings.",
			declared: object,
			raw:      `{"k":1}`,
			err:      `result "r" is declared as object: expected a JSON object with string values, key "k", found a number before byte 6`,
		},
		"ArrayAsObject": {
			reason:   "What was found is named.",
			declared: object,
			raw:      `["k"]`,
			err:      `result "r" is declared as object: expected a JSON object with string values, found an array before byte 1`,
		},
		"BooleanAsObject": {
			reason:   "Also when it is neither.",
			declared: object,
			raw:      `true`,
			err:      `result "r" is declared as object: expected a JSON object with string values, found a boolean before byte 4`,
		},
		"CutObject": {
			reason:   "A file that was cut off is told.",
			declared: object,
			raw:      `{"k":"1",`,
			err:      `result "r" is declared as object: expected a JSON object with string values, found its end at byte 9`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ResultFromBytes(tc.declared, []byte(tc.raw))
			message := ""
			if err != nil {
				message = err.Error()
			}
			if message != tc.err || !got.Equal(tc.want) {
				t.Errorf("\n%s\nResultFromBytes(%q):\nwant %v, %q\n got %v, %q", tc.reason, tc.raw, tc.want, tc.err, got, message)
			}
			var typed *ResultError
			if err == nil {
				return
			}
			if !errors.As(err, &typed) {
				t.Fatalf("%T is no *ResultError", err)
			}
			wantReason := v1.TaskRunReasonValidationFailed
			if strings.Contains(tc.err, "UTF-8") {
				wantReason = v1.TaskRunReasonResultNotUTF8
			}
			if typed.Reason != wantReason {
				t.Errorf("\n%s\nreason: want %s, got %s", tc.reason, wantReason, typed.Reason)
			}
		})
	}
}

func TestResultsSurviveTheWayThroughAFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, value := range []v1.Value{
			v1.ArrayValue(rapid.SliceOf(rapid.String()).Draw(t, "array")...),
			v1.ObjectValue(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "object")),
		} {
			raw, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ResultFromBytes(v1.TaskResult{Name: "r", Type: value.Type}, raw)
			if err != nil || !got.Equal(value) {
				t.Fatalf("%s: want %v, got %v, %v", raw, value, got, err)
			}
		}
	})
}

// What is accepted encodes to JSON that means the same, and nothing panics.
func FuzzResultFromBytes(f *testing.F) {
	f.Add([]byte(`["a","\ud83d\ude00"]`))
	f.Add([]byte(`{"k":"v","k":"w"}`))
	f.Add([]byte("[\"\xff\\u"))
	f.Add([]byte(`["\udc00\ud800"]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, declared := range []v1.TaskResult{{Type: v1.TypeString}, {Type: v1.TypeArray}, {Type: v1.TypeObject}} {
			value, err := ResultFromBytes(declared, raw)
			if err != nil {
				continue
			}
			for _, text := range value.Texts() {
				if !utf8.ValidString(text) || declared.Type != v1.TypeString && strings.ContainsRune(text, utf8.RuneError) &&
					!strings.Contains(string(raw), "\uFFFD") && !strings.Contains(strings.ToLower(string(raw)), `\ufffd`) {
					t.Fatalf("%q became %q", raw, text)
				}
			}
		}
	})
}
