{{- /* Berth's settings file as the values make it. Nothing secret is in it. */ -}}
{{- define "berth.config" -}}
{{- $auth := dict -}}
{{- if .Values.auth.anonymous -}}
{{- $_ := set $auth "anonymous" .Values.auth.anonymous -}}
{{- end -}}
{{- if include "berth.usersSecret" . -}}
{{- $_ := set $auth "htpasswd" (dict "realm" "Berth" "path" "/etc/berth/auth/users") -}}
{{- end -}}
{{- /* One command gives a secured registry: without any other users, they are in the database. */ -}}
{{- if or .Values.auth.local.enabled (not (or (hasKey $auth "htpasswd") (has .Values.auth.anonymous (list "pull" "full")))) -}}
{{- $_ := set $auth "local" (dict "enabled" true) -}}
{{- end -}}
{{- $made := dict "version" 0.1 "http" (dict "addr" ":5000") "auth" $auth -}}
{{- if eq .Values.mode "single" -}}
{{- $_ := set $made "storage" (dict "filesystem" (dict "rootdirectory" "/var/lib/berth")) -}}
{{- else -}}
{{- $_ := set $made "database" (include "berth.database" . | fromYaml) -}}
{{- if .Values.azure.container -}}
{{- $_ := set $made "storage" (dict "azure" (include "berth.azure" . | fromYaml)) -}}
{{- else -}}
{{- $_ := set $made "storage" (dict "s3" (include "berth.s3" . | fromYaml)) -}}
{{- end -}}
{{- end -}}
{{- toYaml (mergeOverwrite $made (deepCopy .Values.config)) -}}
{{- end -}}

{{- define "berth.database" -}}
{{- with .Values.database -}}
host: {{ required "database.host must be set in cluster mode" .host | quote }}
port: {{ .port }}
user: {{ .user | quote }}
dbname: {{ .dbname | quote }}
sslmode: {{ .sslmode }}
{{- if .rootCertificate }}
sslrootcert: /etc/berth/config/database-ca.pem
{{- end }}
{{- end -}}
{{- end -}}

{{- define "berth.s3" -}}
{{- with .Values.s3 -}}
region: {{ required "s3.region must be set in cluster mode" .region | quote }}
bucket: {{ required "s3.bucket or azure.container must be set in cluster mode" .bucket | quote }}
{{- with .regionendpoint }}
regionendpoint: {{ . | quote }}
{{- end }}
forcepathstyle: {{ .forcepathstyle }}
{{- with .rootdirectory }}
rootdirectory: {{ . | quote }}
{{- end }}
encrypt: {{ .encrypt }}
{{- end -}}
{{- end -}}

{{- define "berth.azure" -}}
{{- with .Values.azure -}}
accountname: {{ required "azure.accountname must be set with azure.container" .accountname | quote }}
container: {{ .container | quote }}
{{- with .rootdirectory }}
rootdirectory: {{ . | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* The variables with what is secret, from the chart's secret or one's own. */ -}}
{{- define "berth.secretVariables" -}}
{{- $own := printf "%s-secrets" (include "berth.name" .) -}}
{{- with .Values.database -}}
{{- if or .password .existingSecret }}
- name: REGISTRY_DATABASE_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | default $own }}
      key: {{ if .existingSecret }}{{ .existingSecretKey }}{{ else }}database-password{{ end }}
{{- end }}
{{- end }}
{{- with .Values.s3 -}}
{{- if or .accesskey .secretkey .existingSecret }}
- name: REGISTRY_STORAGE_S3_ACCESSKEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | default $own }}
      key: {{ if .existingSecret }}{{ .existingSecretAccessKey }}{{ else }}s3-accesskey{{ end }}
- name: REGISTRY_STORAGE_S3_SECRETKEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | default $own }}
      key: {{ if .existingSecret }}{{ .existingSecretSecretKey }}{{ else }}s3-secretkey{{ end }}
{{- end }}
{{- end }}
{{- with .Values.azure -}}
{{- if or .accountkey .existingSecret }}
- name: REGISTRY_STORAGE_AZURE_ACCOUNTKEY
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | default $own }}
      key: {{ if .existingSecret }}{{ .existingSecretKey }}{{ else }}azure-accountkey{{ end }}
{{- end }}
{{- end }}
{{- end -}}
