package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// SettingError is a setting that cannot be used as it is.
type SettingError struct {
	// ConfigMap, Key and Value are the setting, as it was given.
	ConfigMap, Key, Value string
	// Want says what would be accepted.
	Want string
	// Used is what is in force instead.
	Used string
	// Entry is the part of the value that this is about, where the rest of the value is in force; Used is empty then.
	Entry string
}

// Error reads like `feature-flags: max-result-size: "ten" is not …; using the default 4096`.
func (e SettingError) Error() string {
	if e.Entry != "" {
		return fmt.Sprintf("%s: %s: %q is not %s; the rest of the list is in force", e.ConfigMap, e.Key, e.Entry, e.Want)
	}
	return fmt.Sprintf("%s: %s: %q is not %s; using the default %s", e.ConfigMap, e.Key, e.Value, e.Want, e.Used)
}

// settings reads the keys of one ConfigMap, each at most once, and notes what cannot be used.
type settings struct {
	configMap string
	data      map[string]string
	problems  []SettingError
}

// refuse notes that the value of a key is not what it should be, and what is in force instead.
func (s *settings) refuse(key, want, used string) {
	s.problems = append(s.problems, SettingError{ConfigMap: s.configMap, Key: key, Value: s.data[key], Want: want, Used: used})
}

// refuseEntry notes that an entry of a list is not what it should be.
func (s *settings) refuseEntry(key, entry, want string) {
	s.problems = append(s.problems, SettingError{ConfigMap: s.configMap, Key: key, Value: s.data[key], Want: want, Entry: entry})
}

// entries splits a list at its commas; white space and empty entries do not count.
func entries(list string) []string {
	var all []string
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one != "" {
			all = append(all, one)
		}
	}
	return all
}

// boolean reads "true" or "false".
func (s *settings) boolean(key string, into *bool) {
	switch value, ok := s.data[key]; {
	case !ok:
	case value == "true", value == "false":
		*into = value == "true"
	default:
		s.refuse(key, `"true" or "false"`, strconv.FormatBool(*into))
	}
}

// number reads a whole number from least to most; want says so in words.
func (s *settings) number(key string, into *int64, least, most int64, want string) {
	value, ok := s.data[key]
	if !ok {
		return
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least || n > most {
		s.refuse(key, want, strconv.FormatInt(*into, 10))
		return
	}
	*into = n
}

// oneOf reads one of some words.
func oneOf[T ~string](s *settings, key string, into *T, values ...T) {
	value, ok := s.data[key]
	switch {
	case !ok:
	case slices.Contains(values, T(value)):
		*into = T(value)
	case len(values) == 1:
		s.refuse(key, quoteAll(values), string(*into))
	default:
		s.refuse(key, "one of "+quoteAll(values), string(*into))
	}
}

// document reads a text of YAML that has the fields of T and no others. An empty text is none.
func document[T any](s *settings, key, want string) *T {
	value := strings.TrimSpace(s.data[key])
	if value == "" {
		return nil
	}
	into := new(T)
	if err := strict(value, into); err != nil {
		s.refuse(key, fmt.Sprintf("%s (%v)", want, err), "nothing")
		return nil
	}
	return into
}

// strict decodes YAML and refuses fields that into does not have, and fields that are given twice.
func strict(text string, into any) error {
	asJSON, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func quoteAll[T ~string](values []T) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(string(v))
	}
	slices.Sort(quoted)
	return strings.Join(quoted, ", ")
}
