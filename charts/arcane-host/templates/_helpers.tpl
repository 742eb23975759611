{{/* Chart name, or its replacement. */}}
{{- define "arcane-host.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of most objects. Short enough for the suffixes of the roles. */}}
{{- define "arcane-host.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Labels that select the operator's pods. They can never change. */}}
{{- define "arcane-host.selectorLabels" -}}
app.kubernetes.io/name: {{ include "arcane-host.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "arcane-host.labels" -}}
{{- include "arcane-host.labelsWith" (list . dict) }}
{{- end }}

{{/* Labels of every object and more; call with (list $ more). What selects pods cannot be overridden. */}}
{{- define "arcane-host.labelsWith" -}}
{{- $root := index . 0 -}}
{{- $common := dict
    "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
    "app.kubernetes.io/version" $root.Chart.AppVersion
    "app.kubernetes.io/managed-by" $root.Release.Service
    "app.kubernetes.io/part-of" "arcane-host" -}}
{{- $selectors := include "arcane-host.selectorLabels" $root | fromYaml -}}
{{- toYaml (merge $selectors (index . 1) $root.Values.additionalLabels $common) }}
{{- end }}

{{/* Labels and annotations of a ClusterRole or its binding; call with (list $ more-labels). */}}
{{- define "arcane-host.clusterRoleMetadata" -}}
{{- $root := index . 0 -}}
{{- $role := $root.Values.rbac.clusterRole -}}
labels:
  {{- include "arcane-host.labelsWith" (list $root (merge (index . 1) $role.additionalLabels)) | nindent 2 }}
{{- with $role.additionalAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "arcane-host.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "arcane-host.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "arcane-host.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The log level in the operator's words, from those of other loggers too. */}}
{{- define "arcane-host.logLevel" -}}
{{- $level := .Values.settings.telemetry.logLevel | lower -}}
{{- $words := dict "warning" "warn" "information" "info" "verbose" "trace" "fatal" "error" "critical" "error" -}}
{{- get $words $level | default $level -}}
{{- end }}

{{/*
Lists from the values whose names begin alike: extraEnv*, extraVolume*. Call with (dict "values" $.Values
"prefix" "…" "mark" "…" "marked" true|false): names that contain the mark are read, or those that do not.
*/}}
{{- define "arcane-host.extra" -}}
{{- $call := . -}}
{{- range $key, $value := .values }}
{{- if and $value (hasPrefix $call.prefix $key) (eq $call.marked (contains $call.mark $key)) }}
{{- printf "\n%s" (include "arcane-host.entries" $value | trim) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Entries as in a pod, from a list of them or from a map of names to values. */}}
{{- define "arcane-host.entries" -}}
{{- if kindIs "map" . }}
{{- range $name, $value := . }}
- name: {{ $name }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ include "arcane-host.scalar" $value | quote }}
  {{- end }}
{{- end }}
{{- else }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* The operator's own environment. */}}
{{- define "arcane-host.ownEnv" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: ARCANE_HOST__LEASE_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- $s := .Values.settings }}
{{- range $name, $value := dict
    "PROBES_PORT" $s.probes.port
    "METRICS_PORT" $s.telemetry.metricsPort
    "LOG_LEVEL" (include "arcane-host.logLevel" .)
    "LOG_FORMAT" $s.telemetry.logFormat
    "CLUSTER_NAME" $s.telemetry.clusterName
    "SHARDS" .Values.sharding.shards
    "LEASE_NAME" $s.lease.name
    "LEASE_DURATION_SECONDS" $s.lease.durationSeconds
    "LEASE_RENEW_DEADLINE_SECONDS" $s.lease.renewDeadlineSeconds
    "LEASE_RETRY_PERIOD_SECONDS" $s.lease.retryPeriodSeconds
    "THREADS" $s.concurrency.threads
    "CONCURRENCY_PER_CLASS" $s.concurrency.perClass
    "CONCURRENCY_TOTAL" $s.concurrency.total
    "WRITES_PER_SECOND" $s.concurrency.writesPerSecond
    "MINIMUM_JOB_TTL_SECONDS" $s.jobs.minimumTtlSeconds
    "PLUGIN_CONCURRENT_CALLS" $s.plugins.concurrentCalls
    "PLUGIN_MAXIMUM_MEBIBYTES" $s.plugins.maximumMebibytes
    "PLUGIN_COMPILE_MEBIBYTES" $s.plugins.compileMebibytes
    "RECONCILE_TIMEOUT_SECONDS" $s.timeouts.reconcileSeconds
    "API_TIMEOUT_SECONDS" $s.timeouts.apiSeconds
    "BACKOFF_INITIAL_SECONDS" $s.backoff.initialSeconds
    "BACKOFF_MAXIMUM_SECONDS" $s.backoff.maximumSeconds }}
- name: ARCANE_HOST__{{ $name }}
  value: {{ include "arcane-host.scalar" $value | quote }}
{{- end }}
{{- if .Values.plugins.cache.enabled }}
# Below the volume's root, which every user may enter.
- name: ARCANE_HOST__PLUGIN_CACHE_DIR
  value: /var/cache/arcane-host/plugins
{{- end }}
{{- end }}

{{/* Mounts and volumes: the operator's own, and what the values add. */}}
{{- define "arcane-host.volumeMounts" -}}
{{- if .Values.plugins.cache.enabled }}
- name: plugin-cache
  mountPath: /var/cache/arcane-host
{{- end }}
{{- include "arcane-host.extra" (dict "values" .Values "prefix" "extraVolume" "mark" "Mount" "marked" true) }}
{{- end }}

{{- define "arcane-host.volumes" -}}
{{- if .Values.plugins.cache.enabled }}
- name: plugin-cache
  emptyDir:
    sizeLimit: {{ .Values.plugins.cache.sizeLimit | quote }}
{{- end }}
{{- include "arcane-host.extra" (dict "values" .Values "prefix" "extraVolume" "mark" "Mount" "marked" false) }}
{{- end }}

{{/* Numbers from YAML are floats, which print as 3.6e+06 from some size on. */}}
{{- define "arcane-host.scalar" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}
