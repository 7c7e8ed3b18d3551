output "vault_name" {
  description = "Name of the vault, the same in both Regions."
  value       = aws_backup_vault.primary.name
}
