// Where secrets are, if there are any: of the shop's own systems. Databricks and the lake need none.
param name string
param location string
param tags object
param keepersGroupId string

@description('Of Data Factory; empty without it.')
param factoryPrincipalId string = ''

param logsId string

var keyVaultSecretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
var keyVaultSecretsUser = '4633458b-17de-408a-b874-0445c86b69e6'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  // checkov:skip=CKV_AZURE_109: Reached with Entra ID and roles alone, as the lake is.
  // checkov:skip=CKV_AZURE_189: As above.
  name: take(name, 24)
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
  }
}

resource keepers 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, keepersGroupId, keyVaultSecretsOfficer)
  properties: {
    principalId: keepersGroupId
    principalType: 'Group'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsOfficer)
  }
}

resource factory 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(factoryPrincipalId)) {
  scope: vault
  name: guid(vault.id, 'factory', keyVaultSecretsUser)
  properties: {
    principalId: factoryPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsUser)
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-logs'
  properties: {
    workspaceId: logsId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

output vaultUri string = vault.properties.vaultUri
