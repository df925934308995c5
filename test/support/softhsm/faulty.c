/*
 * A PKCS#11 library that passes everything on to SoftHSM (COFRE_SOFTHSM), and misbehaves where a file in the folder
 * COFRE_FAULTS says so: FUNCTION.hang.N, FUNCTION.crash.N (N from 0 to 9), or FUNCTION.error with a number in it.
 * Each file works once.
 * Every call of C_Login leaves a byte in the file `logins`. FUNCTION.final-try sets the flag of that name for good.
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

static int take(const char *name, const char *kind) {
  char path[1024], suffix[32];
  for (int number = 0; number < 10; number++) {
    snprintf(suffix, sizeof suffix, ".%s.%d", kind, number);
    if (unlink(file_of(path, name, suffix)) == 0) return 1;
  }
  return 0;
}

static CK_RV misbehave(const char *name) {
  char path[1024];
  if (take(name, "hang"))
    for (;;) pause();
  if (take(name, "crash")) raise(SIGSEGV);
  FILE *file = fopen(file_of(path, name, ".error"), "r");
  if (file == NULL) return CKR_OK;
  unsigned long code = CKR_GENERAL_ERROR;
  if (fscanf(file, "%lu", &code) != 1) code = CKR_GENERAL_ERROR;
  fclose(file);
  return unlink(path) == 0 ? code : CKR_OK;
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
FAULTY(C_Decrypt,
       (CK_SESSION_HANDLE session, CK_BYTE_PTR block, CK_ULONG length, CK_BYTE_PTR out, CK_ULONG_PTR outLength),
       (session, block, length, out, outLength))

static CK_RV faulty_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
  char path[1024];
  int file = open(file_of(path, "logins", ""), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0 || write(file, "x", 1) != 1) return CKR_GENERAL_ERROR;
  close(file);
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
