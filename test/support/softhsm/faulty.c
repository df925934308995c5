/*
 * A PKCS#11 library that passes everything on to SoftHSM (COFRE_SOFTHSM), and misbehaves where a file in the folder
 * COFRE_FAULTS says so: FUNCTION.hang.N, FUNCTION.crash.N, or FUNCTION.error.N with a number in it (N from 0 to 9).
 * Each file works once.
 * Every call of C_Login leaves a byte in the file `logins`, of C_Decrypt in `decryptions`. FUNCTION.final-try sets the flag of that name for good.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <pkcs11/pkcs11.h>

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST faulty;

static const char *file_of(char path[1024], const char *name, const char *suffix) {
  snprintf(path, 1024, "%s/%s%s", getenv("COFRE_FAULTS"), name, suffix);
  return path;
}

/* Reads the number in a file before taking it away, where there is one. */
static int take(const char *name, const char *kind, unsigned long *value) {
  char path[1024], suffix[32];
  for (int number = 0; number < 10; number++) {
    snprintf(suffix, sizeof suffix, ".%s.%d", kind, number);
    FILE *file = fopen(file_of(path, name, suffix), "r");
    if (file == NULL) continue;
    if (fscanf(file, "%lu", value) != 1) *value = CKR_GENERAL_ERROR;
    fclose(file);
    if (unlink(path) == 0) return 1;
  }
  return 0;
}

static int count(const char *name) {
  char path[1024];
  int file = open(file_of(path, name, ""), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0 || write(file, "x", 1) != 1) return 0;
  return close(file) == 0;
}

static CK_RV misbehave(const char *name) {
  unsigned long code;
  if (take(name, "hang", &code))
    for (;;) pause();
  if (take(name, "crash", &code)) raise(SIGSEGV);
  return take(name, "error", &code) ? code : CKR_OK;
}

#define FAULTY(NAME, PARAMETERS, ARGUMENTS)      \
  static CK_RV faulty_##NAME PARAMETERS {        \
    CK_RV fault = misbehave(#NAME);              \
    return fault == CKR_OK ? real->NAME ARGUMENTS : fault; \
  }

FAULTY(C_Initialize, (CK_VOID_PTR arguments), (arguments))
FAULTY(C_OpenSession,
       (CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session),
       (slot, flags, application, notify, session))
FAULTY(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count),
       (session, template, count))
FAULTY(C_GenerateKey,
       (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR template, CK_ULONG count,
        CK_OBJECT_HANDLE_PTR key),
       (session, mechanism, template, count, key))
FAULTY(C_GenerateKeyPair,
       (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR publicTemplate, CK_ULONG publicCount,
        CK_ATTRIBUTE_PTR privateTemplate, CK_ULONG privateCount, CK_OBJECT_HANDLE_PTR publicKey,
        CK_OBJECT_HANDLE_PTR privateKey),
       (session, mechanism, publicTemplate, publicCount, privateTemplate, privateCount, publicKey, privateKey))
FAULTY(C_SetAttributeValue,
       (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template, CK_ULONG count),
       (session, object, template, count))
FAULTY(C_DecryptInit, (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key),
       (session, mechanism, key))

static CK_RV faulty_C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR block, CK_ULONG length, CK_BYTE_PTR out,
                              CK_ULONG_PTR outLength) {
  if (!count("decryptions")) return CKR_GENERAL_ERROR;
  CK_RV fault = misbehave("C_Decrypt");
  /* An error ends the operation that C_DecryptInit began: so the real one is carried out all the same. */
  CK_RV result = real->C_Decrypt(session, block, length, out, outLength);
  return fault == CKR_OK ? result : fault;
}

static CK_RV faulty_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
  if (!count("logins")) return CKR_GENERAL_ERROR;
  CK_RV fault = misbehave("C_Login");
  return fault == CKR_OK ? real->C_Login(session, user, pin, length) : fault;
}

static CK_RV faulty_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  char path[1024];
  CK_RV result = real->C_GetTokenInfo(slot, info);
  if (access(file_of(path, "C_GetTokenInfo", ".final-try"), F_OK) == 0) info->flags |= CKF_USER_PIN_FINAL_TRY;
  return result;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  void *library = dlopen(getenv("COFRE_SOFTHSM"), RTLD_NOW | RTLD_LOCAL);
  CK_C_GetFunctionList get = library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
  if (get == NULL || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
  faulty = *real;
  faulty.C_Initialize = faulty_C_Initialize;
  faulty.C_GetTokenInfo = faulty_C_GetTokenInfo;
  faulty.C_OpenSession = faulty_C_OpenSession;
  faulty.C_Login = faulty_C_Login;
  faulty.C_FindObjectsInit = faulty_C_FindObjectsInit;
  faulty.C_GenerateKey = faulty_C_GenerateKey;
  faulty.C_GenerateKeyPair = faulty_C_GenerateKeyPair;
  faulty.C_SetAttributeValue = faulty_C_SetAttributeValue;
  faulty.C_DecryptInit = faulty_C_DecryptInit;
  faulty.C_Decrypt = faulty_C_Decrypt;
  *list = &faulty;
  return CKR_OK;
}
