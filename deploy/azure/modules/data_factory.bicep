// Lands files and starts the job. Its pipeline is in ../data_factory; the steps of the job are in the bundle alone.
param name string
param location string
param tags object
param logsId string

resource factory 'Microsoft.DataFactory/factories@2018-06-01' = {
  // checkov:skip=CKV_AZURE_104: It is started from anywhere, with Entra ID.
  // checkov:skip=CKV_AZURE_103: Git is connected by hand, once: the repository is not known here.
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {}
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: factory
  name: 'to-logs'
  properties: {
    workspaceId: logsId
    logs: [
      {
        category: 'PipelineRuns'
        enabled: true
      }
      {
        category: 'ActivityRuns'
        enabled: true
      }
    ]
  }
}

output principalId string = factory.identity.principalId
