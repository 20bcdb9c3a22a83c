/* Windows keeps them in stores of the system and of the user, which are read as one. */
#include "commands/talk_roots_windows.h"

#include <stdlib.h>
#include <string.h>

/* What a root may be used for is limited by the certificate itself, or by the administrator. */
static bool vouches_for_servers(const CERT_CONTEXT *certificate)
{
    DWORD size = 0;
    if (!CertGetEnhancedKeyUsage(certificate, 0, NULL, &size)) return false;
    CERT_ENHKEY_USAGE *usage = malloc(size);
    bool found = false;
    if (usage != NULL && CertGetEnhancedKeyUsage(certificate, 0, usage, &size)) {
        /* Without a list, the error tells everything from nothing. */
        found = usage->cUsageIdentifier == 0 && GetLastError() == (DWORD)CRYPT_E_NOT_FOUND;
        for (DWORD i = 0; i < usage->cUsageIdentifier; i++)
            found = found || strcmp(usage->rgpszUsageIdentifier[i], szOID_PKIX_KP_SERVER_AUTH) == 0;
    }
    free(usage);
    return found;
}

static bool is_in(HCERTSTORE store, const CERT_CONTEXT *certificate)
{
    if (store == NULL) return false;
    const CERT_CONTEXT *found = CertFindCertificateInStore(store, X509_ASN_ENCODING, 0,
                                                           CERT_FIND_EXISTING, certificate, NULL);
    if (found == NULL) return false;
    CertFreeCertificateContext(found);
    return true;
}

void talk_roots_of(HCERTSTORE trusted, HCERTSTORE distrusted,
                   void (*take)(void *context, struct span certificate), void *context)
{
    const CERT_CONTEXT *root = NULL;
    if (trusted == NULL) return;
    while ((root = CertEnumCertificatesInStore(trusted, root)) != NULL)
        if (vouches_for_servers(root) && !is_in(distrusted, root))
            take(context, span_of(root->pbCertEncoded, root->cbCertEncoded));
}

void talk_roots_each(void (*take)(void *context, struct span certificate), void *context)
{
    HCERTSTORE trusted = CertOpenSystemStoreW(0, L"ROOT"),
               distrusted = CertOpenSystemStoreW(0, L"Disallowed");
    talk_roots_of(trusted, distrusted, take, context);
    if (trusted != NULL) CertCloseStore(trusted, 0);
    if (distrusted != NULL) CertCloseStore(distrusted, 0);
}
