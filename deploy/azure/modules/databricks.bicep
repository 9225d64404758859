// The workspace, and the connector through which Unity Catalog reaches the lake.
param name string
param location string
param tags object
param managedGroupId string
param logsId string

resource workspace 'Microsoft.Databricks/workspaces@2024-05-01' = {
  // checkov:skip=CKV_AZURE_158: People and Power BI reach it from anywhere, with Entra ID; a closed network is a decision of its own.
  // checkov:skip=CKV2_AZURE_48: The root of DBFS holds no table of ours; they are in the lake.
  name: name
  location: location
  tags: tags
  sku: {
    name: 'premium'
  }
  properties: {
    managedResourceGroupId: managedGroupId
    publicNetworkAccess: 'Enabled'
    requiredNsgRules: 'AllRules'
    parameters: {
      enableNoPublicIp: {
        value: true
      }
      requireInfrastructureEncryption: {
        value: true
      }
    }
  }
}

resource connector 'Microsoft.Databricks/accessConnectors@2024-05-01' = {
  name: '${name}-connector'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {}
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: workspace
  name: 'to-logs'
  properties: {
    workspaceId: logsId
    logs: [
      {
        category: 'accounts'
        enabled: true
      }
      {
        category: 'clusters'
        enabled: true
      }
      {
        category: 'jobs'
        enabled: true
      }
      {
        category: 'secrets'
        enabled: true
      }
      {
        category: 'unityCatalog'
        enabled: true
      }
    ]
  }
}

output workspaceUrl string = workspace.properties.workspaceUrl
output connectorId string = connector.id
output connectorPrincipalId string = connector.identity.principalId
