package v1

// ManagedByThis is the value of spec.managedBy of a run that this controller runs. Existing clients use this value,
// and a run without the field has the same meaning.
const ManagedByThis = GroupName + "/pipeline"

// ManagedElsewhere reports whether a run's spec.managedBy names another controller. This controller must not act on
// such a run.
func ManagedElsewhere(managedBy *string) bool {
	return managedBy != nil && *managedBy != ManagedByThis
}
